/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control socket: a Unix stream socket for its owner only, that speaks command.h's lines. It runs in a thread of
 * its own, beside the token's, so that it answers while the token works.
 */
#ifndef UKEY_EMU_CONTROL_H
#define UKEY_EMU_CONTROL_H

#include "firmware-emu/command.h"

/* A listening socket at `path`, or -1 and one line in `error`. A dead emulator's socket there is replaced. */
int control_listen(const char *path, char *error, size_t error_size);

/*
 * Serve the bench's users until "quit", or until `stop` (a descriptor) can be read. `listener` may be -1: then only
 * `stop` is waited for.
 */
void control_serve(struct bench *bench, int listener, int stop);

/*
 * The other side, for `ukey-emu ctl`: send the words as one line, print the answer. Returns the exit status: 0 the
 * answer is ok, 1 it is not, 2 nobody answers.
 */
int control_ask(const char *path, int count, char *const words[]);

#endif
