/* SPDX-License-Identifier: Apache-2.0 */
/* The line: what stands ready for every token, and the work on one. */
#ifndef UKEY_EMU_FACTORY_LINE_H
#define UKEY_EMU_FACTORY_LINE_H

#include "common/p11_uri.h"
#include "firmware-emu/factory/ca.h"
#include "firmware-emu/factory/chip.h"
#include "firmware-emu/factory/ledger.h"

struct line {
	struct factory_ca ca;
	struct ledger *ledger;
	struct p11_uri *master; /* NULL: tokens without an unlock key */
	CK_OBJECT_HANDLE master_key;
	uint8_t key_version;
	struct chip_options tokens;
};

enum line_outcome {
	LINE_FAILED,   /* the status says how */
	LINE_MADE,     /* personalised now */
	LINE_FINISHED, /* was closed by an interrupted run; checked and recorded now */
	LINE_ALREADY,  /* personalised before, by this factory: left alone */
	LINE_FOREIGN,  /* by another: left alone */
};

/* `entry` tells what is known of the token, an empty serial when nothing is. FOREIGN, ALREADY: REFUSED. */
enum factory_status line_work(
	struct line *line, const char *path, enum line_outcome *outcome, struct ledger_entry *entry);

#endif
