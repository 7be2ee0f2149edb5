/* SPDX-License-Identifier: Apache-2.0 */
/* A bench with a personalised token, and somebody on the wire who counts, changes and forges answers. */
#ifndef UKEY_TESTS_CHANNEL_BENCH_H
#define UKEY_TESTS_CHANNEL_BENCH_H

#include "tests/wire/driver_bench.h"

struct channel_wire {
	unsigned clear, secured, pins; /* commands seen; with a PIN's instruction in clear */
	/* What to do to the n-th answer from now (1: the next) to a command with the secure messaging bit. */
	unsigned at;
	size_t flip; /* the bit of which byte */
	const char *instead;
	uint8_t ins; /* 0: any */
	bool touched;
};

extern struct channel_wire channel_wire;
extern struct personal channel_maker; /* who made the token */

/* Setups of cmocka: as from the factory; with PINs; the user logged in, an RSA and a P-256 key. */
int channel_setup_with(void **state, const struct personal_options *o);
int channel_setup(void **state);
int channel_setup_operational(void **state);
int channel_setup_keys(void **state);

#define TEST(f, setup) cmocka_unit_test_setup_teardown(f, setup, bench_teardown)

/* Commands since channel_begin(), or since the last look: exactly so many, by libukey's count and by the token's. */
void channel_begin(struct bench *b);
void channel_cost(struct bench *b, unsigned n);
/* End libukey and begin anew, as another process would. */
void channel_another_process(struct bench *b);
enum ukey_status channel_sign(struct bench *b);

#endif
