/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was read of tokens, kept for the next process: $XDG_CACHE_HOME (or ~/.cache)/openukey/, a file for each
 * directory (SERIAL.directory) and each certificate (SERIAL.DIGEST). Public data only, and nothing is believed: a
 * content counts when its SHA-256 is the one that the token told, so that a damaged, stale or foreign file costs the
 * time to read the token again, and no more. A card that tells no digest has a name (SERIAL.NAME.directory): there the
 * content begins with the SHA-256 of that name and the rest, so that a damaged or foreign file is known; whether it is
 * stale the card has to be asked (fresh.c).
 *
 *	offset	length
 *	0	4	"OUKC"
 *	4	1	version, 1
 *	5	1	kind
 *	6	16	serial number
 *	22	4	length of the content
 *	26		content
 *
 * Files are never changed, only replaced whole; so any number of processes may read and write at once. At most
 * CACHE_FILES_MAX files and CACHE_SIZE_MAX bytes, the longest unused removed first.
 */
#ifndef UKEY_DRIVER_CACHE_FILE_H
#define UKEY_DRIVER_CACHE_FILE_H

#include "common/bytes.h"
#include "driver/ukey.h"

#define CACHE_HEADER      26
#define CACHE_CONTENT_MAX ((size_t)256 << 10)
#define CACHE_FILES_MAX   512
#define CACHE_SIZE_MAX    ((size_t)8 << 20)

enum cache_kind {
	CACHE_DIRECTORY = 1,
	CACHE_CERTIFICATE = 2,
	CACHE_NAMED_DIRECTORY = 3,
};

/* What is wanted: of this token, with this SHA-256; CACHE_NAMED_DIRECTORY: of the token with this name of 32 bytes. */
struct cache_key {
	enum cache_kind kind;
	const char *serial;
	const uint8_t *sha256;
};

/* The content of a file (without the SHA-256 in it), if it is that. */
bool cache_content(struct bytes file, const struct cache_key *k, struct bytes *content);

/* Malloc'd; NULL: not there, or not to be believed. */
uint8_t *cache_load(const struct cache_key *k, size_t *len);
/* As good as it goes. */
void cache_save(const struct cache_key *k, struct bytes content);
/* A directory with this content, and files of this token that `d` does not name go. */
void cache_save_directory(const struct cache_key *k, const struct ukey_directory *d, struct bytes content);
/* This one. */
void cache_remove(const struct cache_key *k);
/* All of this token. */
void cache_forget(const char *serial);

#endif
