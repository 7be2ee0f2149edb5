/* SPDX-License-Identifier: Apache-2.0 */
/* A personalised token in RAM and sessions of the secure channel with it, for the tests that look into the channel. */
#ifndef UKEY_TESTS_SESSION_BENCH_H
#define UKEY_TESTS_SESSION_BENCH_H

#include <stdlib.h>
#include <string.h>

#include "tests/wire/personal.h"
#include "tests/wire/wire.h"

static struct ramtoken *token;
static struct personal maker;
static uint8_t *blank, *operational;

#define DEAD  SW_SECURITY_STATUS
#define SETUP "80 01 41 81 08 3837363534333231 83 06 313233343536"

static inline uint16_t send(uint8_t channel, struct scp_session *s, uint8_t cla, uint8_t ins, uint8_t p1, uint8_t p2,
	struct bytes data, struct bytes *answer)
{
	return personal_send(
		token, channel, s, &(struct apdu){cla, ins, p1, p2, data, APDU_LE_MAX, true, false}, answer);
}

static inline uint16_t verify(uint8_t channel, struct scp_session *s, const char *pin)
{
	return send(channel, s, 0x00, 0x20, 0, 0x81, wire_string(pin), NULL);
}

/* Personalised, blank; and initialised inside a session. */
static inline int make_token(void **state)
{
	struct scp_session s;

	(void)state;
	token = ramtoken_new(NULL);
	token->hal.fresh_keys = true;
	personal_make(token, NULL, &maker);
	blank = ramtoken_snapshot(token);
	personal_open(token, 0, maker.device_point, &s);
	if (send(0, &s, 0x80, 0xE0, 0, 0, wire_hex(SETUP), NULL) != SW_OK)
		return 1;
	operational = ramtoken_snapshot(token);
	return 0;
}

static inline int free_token(void **state)
{
	(void)state;
	ramtoken_free(token);
	free(blank);
	free(operational);
	return 0;
}

static inline int as_new(void **state)
{
	(void)state;
	ramtoken_restore(token, operational);
	return 0;
}

static inline uint8_t security(uint8_t channel, struct scp_session *s)
{
	struct bytes info;

	assert_int_equal(send(channel, s, 0x00, 0xCB, 0x3F, 0xFF, wire_hex("5C020001"), &info), SW_OK);
	return wire_info_of(info, 0x90).data[0];
}

#endif
