/* SPDX-License-Identifier: Apache-2.0 */
/*
 * issued.jsonl, the record of a factory: a line of JSON for every step of a token, only ever appended to.
 *
 *	begun   certificates are issued, the token is about to be closed (on the disk before it is)
 *	done    the token is closed and was checked
 *	void    a begun one that never came to its end: its certificates are on no token
 */
#ifndef UKEY_EMU_FACTORY_LEDGER_H
#define UKEY_EMU_FACTORY_LEDGER_H

#include "firmware-emu/factory/cert.h"

#define LEDGER_FILE "issued.jsonl"

struct ledger;

struct ledger_entry {
	char serial[17]; /* of the token, upper case */
	char device[CERT_SERIAL_SIZE], attestation[CERT_SERIAL_SIZE];
	unsigned key_version; /* 0: no unlock key */
};

enum ledger_state {
	LEDGER_NOTHING,
	LEDGER_BEGUN,
	LEDGER_DONE,
	LEDGER_VOID,
};

/* One at a time: another run that has it open is refused. A last line that a crash cut short is taken away. */
enum factory_status ledger_open(const char *dir, struct ledger **out);
void ledger_close(struct ledger *l);

/* The last line about a token; `out` is filled unless there is none. */
enum ledger_state ledger_find(const struct ledger *l, const char *serial, struct ledger_entry *out);
/* On the disk when it returns. */
enum factory_status ledger_append(struct ledger *l, enum ledger_state state, const struct ledger_entry *entry);

#endif
