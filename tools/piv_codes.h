/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The codes of a PIV application to be: a file of three lines,
 *
 *	pin 246813
 *	puk 87654321
 *	management-key tdes A1A2...	(or aes128, aes192, aes256)
 *
 * read when it is there, and made with codes of chance when it is not. Lines that begin with # are for people; blanks
 * at the end of a line are nobody's.
 */
#ifndef UKEY_TOOLS_PIV_CODES_H
#define UKEY_TOOLS_PIV_CODES_H

#include "common/bytes.h"
#include "tools/tool.h"

struct piv_codes; /* in secure memory */

/* *made: the file was not there, and is now, readable for its owner alone. Says what is wrong with it. */
enum ukey_status piv_codes_open(struct tool *t, const char *path, struct piv_codes **out, bool *made);
/* Borrowed from the codes. */
void piv_codes_setup(const struct piv_codes *codes, struct ukey_piv_setup *setup);
/* PIN or PUK is this one. */
bool piv_codes_have(const struct piv_codes *codes, struct bytes pin);
void piv_codes_free(struct piv_codes *codes);

#endif
