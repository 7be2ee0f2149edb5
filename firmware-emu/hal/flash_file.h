/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file that behaves as NOR flash.
 *
 *	one page: magic, version, size, sector, serial, check | the flash, byte by byte | one bit a byte: programmed
 *
 * The bits are what makes the rule "a byte is programmed once between erases" enforceable, also for bytes that were
 * programmed as FF, and over restarts. The file belongs to one process at a time (a lock), and to one user (its mode):
 * private keys are in it, readable for who can read the file.
 */
#ifndef UKEY_HAL_FLASH_FILE_H
#define UKEY_HAL_FLASH_FILE_H

#include "common/bytes.h"

struct flash_file {
	int fd;
	uint32_t size;
	uint8_t serial[8];
	uint8_t *programmed; /* size / 8 bytes */
};

/* Make a new one; fails when there is a file already. */
bool flash_file_create(
	struct flash_file *f, const char *path, uint32_t size, const uint8_t serial[8], char *error, size_t error_size);
bool flash_file_open(struct flash_file *f, const char *path, char *error, size_t error_size);
void flash_file_close(struct flash_file *f);

bool flash_file_read(struct flash_file *f, uint32_t at, uint8_t *to, size_t n);
/* Do the NOR rules allow it? */
bool flash_file_may_write(const struct flash_file *f, uint32_t at, struct bytes data);
bool flash_file_may_erase(const struct flash_file *f, uint32_t at);
/* Program, erase: the rules must allow it. */
bool flash_file_write(struct flash_file *f, uint32_t at, struct bytes data);
bool flash_file_erase(struct flash_file *f, uint32_t at);
/* What the rules would not allow but a loss of power does: any bytes, which then count as programmed. */
bool flash_file_scribble(struct flash_file *f, uint32_t at, struct bytes data);
/* To the disk. */
bool flash_file_sync(struct flash_file *f);

#endif
