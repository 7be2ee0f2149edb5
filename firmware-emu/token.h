/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The emulated token: the firmware (core/fw.h) on the PC's hal, with the instruments of a test bench around it:
 * counters, planned accidents, a log of the wire. A link drives it from one thread, the token's; what stands under
 * "instruments" may be called from any thread at any time.
 */
#ifndef UKEY_EMU_TOKEN_H
#define UKEY_EMU_TOKEN_H

#include "firmware-emu/core/fw.h"
#include "firmware-emu/hal/host.h"
#include "firmware-emu/link/link.h"

struct token;

/* The hal stays the caller's and must outlive the token. NULL: out of memory. */
struct token *token_new(struct hal *hal);
void token_free(struct token *token);

/* What its link drives. */
struct link_token token_for_link(struct token *token);

/* Instruments */

/* What kind of card it is, from the next power-up or reset on; FW_CARD_UKEY at first. And what was set. */
void token_card_set(struct token *token, enum fw_card card);
enum fw_card token_card(struct token *token);

struct token_count {
	uint64_t apdus;               /* commands that reached the firmware */
	uint64_t bytes_in, bytes_out; /* of commands and answers */
	uint64_t flash_writes, flash_bytes, flash_erases;
	uint64_t microseconds; /* of work, with what the latency profile adds */
};

struct token_counters {
	struct token_count total, ins[256];
	uint64_t sessions; /* power-ups and resets that a command followed */
	uint64_t lost;     /* commands without an answer */
	uint64_t cuts;     /* of these, by a planned power cut */
	uint64_t pulls;    /* by token_plan_pull(); commands that were not even begun among them */
	uint64_t flash_violations;
};

void token_counters(struct token *token, struct token_counters *to);
void token_counters_reset(struct token *token);

enum token_pull {
	TOKEN_PULL_AFTER,  /* the work is done and durable, only its answer never arrives */
	TOKEN_PULL_BEFORE, /* the command never arrives */
};

/* Pull the token out in the middle of the n-th command from now; 0 cancels. */
void token_plan_pull(struct token *token, uint64_t n, enum token_pull when);
uint64_t token_pull_left(struct token *token);

/* Is a command in work, and which? */
bool token_busy(struct token *token, uint8_t *ins);

/* See wire_log.h. `path` NULL: standard error. False: cannot be opened (errno), the log is as before. */
bool token_log_on(struct token *token, const char *path);
void token_log_off(struct token *token);

#endif
