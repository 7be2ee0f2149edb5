/* SPDX-License-Identifier: Apache-2.0 */
/* Passphrases and PINs: from a file or descriptor, or from the terminal without echo. Never from the command line. */
#ifndef UKEY_EMU_FACTORY_SECRET_H
#define UKEY_EMU_FACTORY_SECRET_H

#include "firmware-emu/factory/outcome.h"

#define SECRET_MAX 255

struct secret_source {
	const char *file;    /* its first line */
	int fd;              /* else this descriptor's, unless -1; else the terminal */
	const char *options; /* what to say to a caller without a terminal: how it can be given */
};

/* NUL-terminated in secure memory, the caller's secmem_free(). From the terminal `twice` when it is a new one. */
enum factory_status secret_read(const struct secret_source *from, const char *prompt, bool twice, char **out);

#endif
