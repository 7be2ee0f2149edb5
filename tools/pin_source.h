/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where PINs and enrolment codes come from: a prompt on the terminal without echo, a file's first line, or one line of
 * a file descriptor. Never the command line, never the environment. They lie in locked memory until pin_clear().
 */
#ifndef UKEY_TOOLS_PIN_SOURCE_H
#define UKEY_TOOLS_PIN_SOURCE_H

#include "tools/tool.h"

#define PIN_LINE_MAX 255

struct pin {
	uint8_t *data; /* secmem; NULL: none. A zero follows the last byte. */
	size_t len;
};

enum pin_kind {
	PIN_USER,
	PIN_NEW_USER,
	PIN_SO,
	PIN_NEW_SO,
	PIN_CODE,
	PIN_ANSWER,         /* of the helpdesk; seen while it is typed */
	PIN_PASSWORD,       /* of a file with a key */
	PIN_MANAGEMENT_KEY, /* of a PIV card, as hexadecimal text */
};

/* Was a file or descriptor named for it? */
bool pin_is_given(const struct tool *t, enum pin_kind kind);
/* May there be another one when this one was wrong? Not from a file, whose first line stays what it is. */
bool pin_can_repeat(const struct tool *t, enum pin_kind kind);

/*
 * By the options of this kind, else at the prompt (`what` says for what: "PIN of 00AB.. (Work)"). New PINs are asked
 * twice. UKEY_PIN_INPUT: no source and no terminal; UKEY_PIN_MISMATCH; UKEY_CANCELLED; UKEY_FILE.
 */
enum ukey_status pin_get(struct tool *t, enum pin_kind kind, const char *what, struct pin *out);

void pin_clear(struct pin *pin);

/* Does the token's policy allow it as a new PIN? old may be NULL. Says what is missing. */
enum ukey_status pin_check_policy(
	struct tool *t, const struct ukey_token_info *info, const struct pin *pin, const struct pin *old);
/* The policy in words, for before the prompt. */
void pin_policy_text(const struct ukey_token_info *info, char *out, size_t cap);

/* The parts, for tests. One line of at most PIN_LINE_MAX bytes; what follows it stays in the descriptor. */
enum ukey_status pin_read_fd(int fd, struct pin *out);
enum ukey_status pin_read_file(const char *path, struct pin *out);
/* How many of lower case, upper case, digits, others; 0 when it is not UTF-8 or has control characters. */
unsigned pin_classes(const uint8_t *data, size_t len);

#endif
