/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Command and response APDUs (ISO 7816-3 12.1, 7816-4 5.1): all four cases, short and extended, and the class byte.
 *
 * Freestanding: no libc.
 */
#ifndef UKEY_COMMON_APDU_H
#define UKEY_COMMON_APDU_H

#include "common/bytes.h"

#define APDU_LE_NONE      0u
#define APDU_LE_SHORT_MAX 256u
#define APDU_LE_MAX       65536u
#define APDU_DATA_MAX     65535u
/* Longest encoded command: header, extended Lc, data, extended Le. */
#define APDU_COMMAND_MAX (4u + 3u + APDU_DATA_MAX + 2u)
#define APDU_SHORT_MAX   (4u + 1u + 255u + 1u)

struct apdu {
	uint8_t cla, ins, p1, p2;
	struct bytes data;
	uint32_t le;   /* bytes wanted: APDU_LE_NONE, or 1 to 65536 (256 short and 65536 extended are coded as zeros) */
	bool extended; /* coded with extended lengths; apdu_encode uses them too when data or le ask for it */
	bool part;     /* exchange(): no more than le is wanted; what remains (61xx) is left, and the status is 9000 */
};

/* Exact: a length that does not fit, Lc of zero, or bytes left over are refused. */
bool apdu_parse(struct bytes raw, struct apdu *out);
void apdu_encode(struct builder *b, const struct apdu *a);

struct rapdu {
	struct bytes data;
	uint16_t sw;
};

bool rapdu_parse(struct bytes raw, struct rapdu *out);

/*
 * The class byte (ISO 7816-4 5.4.1). First interindustry 000xxxxx: channel 0-3 in bits 1-2, secure messaging in bits
 * 3-4. Further interindustry 01xxxxxx: channel 4-19 in bits 1-4, secure messaging in bit 6. Bit 5 chains in both.
 * Bit 8 set is the proprietary mirror of the same coding.
 */
#define APDU_CHANNELS 20

struct apdu_class {
	bool proprietary;
	bool chained; /* more commands of this chain follow */
	bool secure;  /* any secure messaging indication */
	uint8_t channel;
};

/* False for classes that ISO 7816-4 reserves (001xxxxx, FF). */
bool apdu_class_parse(uint8_t cla, struct apdu_class *out);
uint8_t apdu_class_encode(const struct apdu_class *c);

/* Status words (ISO 7816-4 5.6, and the ones our token adds; doc/token-protocol.md says which command gives which). */
enum apdu_sw {
	SW_OK = 0x9000,
	SW_BYTES_REMAIN = 0x6100, /* low byte: how many, 00 for 256 or more */
	SW_WRONG_LE = 0x6C00,     /* low byte: the exact length */
	SW_NVM_UNCHANGED = 0x6400,
	SW_TOUCH_TIMEOUT = 0x6401, /* ours: the button was not pressed in time */
	SW_MEMORY_FAILURE = 0x6581,
	SW_TRIES_LEFT = 0x63C0, /* low nibble: tries left */
	SW_WRONG_LENGTH = 0x6700,
	SW_CHANNEL_NOT_SUPPORTED = 0x6881,
	SW_SM_NOT_SUPPORTED = 0x6882,
	SW_LAST_OF_CHAIN_EXPECTED = 0x6883,
	SW_CHAINING_NOT_SUPPORTED = 0x6884,
	SW_SECURITY_STATUS = 0x6982,
	SW_PIN_BLOCKED = 0x6983,
	SW_REFERENCE_NOT_USABLE = 0x6984,
	SW_CONDITIONS = 0x6985,
	SW_NOT_ALLOWED = 0x6986,
	SW_WRONG_DATA = 0x6A80,
	SW_FUNCTION_NOT_SUPPORTED = 0x6A81,
	SW_NOT_FOUND = 0x6A82,
	SW_RECORD_NOT_FOUND = 0x6A83,
	SW_FULL = 0x6A84,
	SW_WRONG_P1P2 = 0x6A86,
	SW_REFERENCE_NOT_FOUND = 0x6A88,
	SW_EXISTS = 0x6A89,
	SW_INS_NOT_SUPPORTED = 0x6D00,
	SW_CLA_NOT_SUPPORTED = 0x6E00,
	SW_INTERNAL = 0x6F00,
};

#endif
