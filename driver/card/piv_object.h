/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers and objects of a PIV card: SP 800-73-4 parts 1 and 2, and the extensions that Yubico publishes.
 *
 * Pure functions: bytes in; out come numbers and ranges of those bytes (the one exception is a certificate, which may
 * be compressed). No function keeps anything. False means: not as the standard allows; the outputs are then undefined.
 *
 * What makers and issuers wrote is read with some patience, because their cards are in people's pockets: lengths need
 * not be in their shortest form and 00 may fill gaps (ISO 7816-4 5.2.2), tags that these tables do not name are stepped
 * over, elements come in any order. What a length says is never believed beyond the bytes that are there, no tag that
 * we read may come twice, and what follows an object is refused unless it is filler.
 */
#ifndef UKEY_DRIVER_CARD_PIV_OBJECT_H
#define UKEY_DRIVER_CARD_PIV_OBJECT_H

#include "driver/card/card.h"

/* The longest certificate (out of its compression, too). */
#define PIV_CERTIFICATE_MAX 16384u

/* Bytes of a PIN or PUK on its way to the card. */
#define PIV_PIN_SIZE 8u

/* Who made it, of an ATR's historical bytes: a guess that decides what is asked first, never what is believed. */
enum piv_family {
	PIV_PLAIN, /* and whenever unsure */
	PIV_YUBICO,
	PIV_OWN_TOKEN, /* doc/token-protocol.md 1.1 */
};
/* Any octets, also none. */
enum piv_family piv_family_of(struct bytes atr);

/* ---- SELECT (part 2, 3.1.1) ---- */

struct piv_application {
	struct bytes label;  /* 50: text as the card tells it, any bytes; data NULL: none */
	uint16_t algorithms; /* AC, in the bits of doc/token-protocol.md 2.1 8D; 0: not told, or none that we know */
};
/* The whole answer. False: what answers is no PIV application. */
bool piv_application_parse(struct bytes answer, struct piv_application *out);

/* ---- data objects (part 1, 3 and appendix A) ---- */

/*
 * The whole answer to GET DATA is one object with this tag: 53, or 7E for the discovery object. The content may be
 * empty (53 00: the object exists and holds nothing).
 */
bool piv_unwrap(struct bytes answer, uint32_t tag, struct bytes *content);

struct piv_chuid {
	struct bytes fasc_n; /* 25 bytes; data NULL: none */
	struct bytes guid;   /* 16 bytes, perhaps all zero; data NULL: none */
};
bool piv_chuid_parse(struct bytes content, struct piv_chuid *out);

/* *pin_reference: the key reference that VERIFY names: 80 the application's PIN, 00 the card's Global PIN. */
bool piv_discovery_parse(struct bytes content, uint8_t *pin_reference);

struct piv_history {
	uint8_t with_certificate; /* retired keys whose certificate is on the card: slots 82 upward */
	uint8_t without;          /* whose is not: slots 95 downward. Together at most 20 */
};
/* Nothing in the object: no retired keys. */
bool piv_history_parse(struct bytes content, struct piv_history *out);

/*
 * The certificate of a certificate object, uncompressed: one DER SEQUENCE that is as long as it says, and no more is
 * known about it. *der is malloc'd. UKEY_NOT_FOUND: the object is empty, or its certificate is. UKEY_TOKEN_PROTOCOL:
 * what is there is none. UKEY_TOO_LARGE: over PIV_CERTIFICATE_MAX. UKEY_MEMORY.
 */
enum ukey_status piv_certificate_parse(struct bytes content, uint8_t **der, size_t *len);

enum piv_look {
	PIV_SAME, /* as long as the one we know, and what is shown is its beginning, up to behind the serial number */
	PIV_CHANGED, /* it is another, or none */
	PIV_UNSURE,  /* compressed, too little shown, or not in the usual order: read the whole object */
};
/*
 * Hold the beginning of the answer to GET DATA (53 L 70 L ..., cut off anywhere) against the certificate we know.
 * `der` empty: we know that there is none.
 */
enum piv_look piv_certificate_look(struct bytes beginning, struct bytes der);

/* ---- keys (part 2, 3.2.4 and 3.3.2) ---- */

/* A number (SP 800-78, and Yubico's own) of an asymmetric algorithm whose keys piv_public_parse() can read. */
bool piv_algorithm_known(uint8_t algorithm);
/* 81 modulus and 82 exponent, or 86 point, as long as this algorithm's are. The exponent comes without leading zeros.
 */
bool piv_public_parse(struct bytes in, uint8_t algorithm, struct card_public *out);
/* The whole answer to GENERATE: 7F49 with the public key. */
bool piv_generated_parse(struct bytes answer, uint8_t algorithm, struct card_public *out);
/* The whole answer to GENERAL AUTHENTICATE: 7C with this tag in it, not empty, and nothing else. */
bool piv_dynamic_parse(struct bytes answer, uint8_t tag, struct bytes *value);
/* ECDSA-Sig-Value in strict DER; rs: 2 * field bytes, r then s. Both are more than zero and fit the field. */
bool piv_ecdsa_parse(struct bytes der, size_t field, uint8_t *rs);

/* Part 2, 2.4.3: 6 to 8 bytes, FF behind them and not among them. The caller wipes `out`. */
bool piv_pin_pad(struct bytes pin, uint8_t out[PIV_PIN_SIZE]);

/* ---- Yubico's extensions  ---- */

/* Answer to GET METADATA; what the card does not tell (by its kind of reference, or its age) is 0, false, data NULL. */
struct piv_metadata {
	uint8_t algorithm;    /* SP 800-78; FF: a PIN or PUK */
	uint8_t pin_policy;   /* 1 never, 2 once, 3 always; 4 and 5: the same with a finger */
	uint8_t touch_policy; /* 1 never, 2 always, 3 cached */
	bool generated;       /* on the card; false: imported, or not told */
	bool is_default;      /* PIN, PUK or management key is the one that everybody knows */
	uint8_t tries_max, tries_left;
	struct card_public key; /* of a known algorithm */
};
bool piv_metadata_parse(struct bytes answer, struct piv_metadata *out);

/* 5FFF00. Nothing in the object: nothing is so. */
struct piv_admin {
	bool puk_blocked;
	bool key_protected; /* the management key is in 5FC109, behind the PIN */
	struct bytes salt;  /* 16 bytes: the management key is derived from the PIN; data NULL: it is not */
};
bool piv_admin_parse(struct bytes content, struct piv_admin *out);
/* 5FC109 of such a card: the management key, a secret in the answer's bytes: 16, 24 or 32 of them. */
bool piv_protected_parse(struct bytes content, struct bytes *key);

#endif
