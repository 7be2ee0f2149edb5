/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The emulator's test bench, spoken to in lines: a command of words in, one line of JSON out, {"ok":true,...} or
 * {"ok":false,"error":"..."}. doc/ukey-emu.1 lists the commands.
 */
#ifndef UKEY_EMU_COMMAND_H
#define UKEY_EMU_COMMAND_H

#include "firmware-emu/token.h"

#define COMMAND_LINE_MAX 1024
#define COMMAND_WORDS    4

struct bench {
	struct hal *hal;
	struct token *token;
	struct link *link;
	bool quit; /* set by "quit" */
};

struct command_words {
	char text[COMMAND_LINE_MAX + 1];
	const char *word[COMMAND_WORDS]; /* into text; NULL after the last */
	size_t count;
};

/* Split a line, without its end, at spaces. False: too long, too many words, or bytes that are no text. */
bool command_split(struct bytes line, struct command_words *out);
/* A decimal number, nothing else, that fits. */
bool command_number(const char *word, uint64_t *out);

/* Do what the line says. The answer ends with a newline; the caller frees it. NULL: out of memory. */
char *command_answer(struct bench *bench, struct bytes line);

#endif
