/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "firmware-emu/hal/flash_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "firmware-emu/hal/host.h"

#define HEADER_PAGE  4096u
#define HEADER_BYTES 44u
#define FILE_VERSION 1u
#define ERASED       0xFF

static const uint8_t magic[8] = {'U', 'K', 'E', 'Y', 'E', 'M', 'U', 0x1A};

/* pread and pwrite may do less than asked. */
static bool read_all(int fd, uint8_t *to, size_t n, off_t at)
{
	while (n > 0) {
		ssize_t r = pread(fd, to, n, at);
		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return false;
		to += r;
		n -= (size_t)r;
		at += r;
	}
	return true;
}

static bool write_all(int fd, const uint8_t *from, size_t n, off_t at)
{
	while (n > 0) {
		ssize_t r = pwrite(fd, from, n, at);
		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return false;
		from += r;
		n -= (size_t)r;
		at += r;
	}
	return true;
}

static off_t flash_at(uint32_t at)
{
	return (off_t)HEADER_PAGE + at;
}

static off_t bits_at(const struct flash_file *f, uint32_t byte)
{
	return (off_t)HEADER_PAGE + f->size + byte / 8;
}

static bool valid_size(uint32_t size)
{
	return size >= HAL_FLASH_SIZE_MIN && size <= HAL_FLASH_SIZE_MAX && size % HAL_FLASH_SECTOR == 0;
}

/* magic, version, size, sector, serial, then 16 bytes of the SHA-256 over these. */
static bool header_build(struct builder *b, uint32_t size, const uint8_t serial[8])
{
	uint8_t digest[EVP_MAX_MD_SIZE];

	builder_put(b, BYTES_OF(magic));
	builder_u32(b, FILE_VERSION);
	builder_u32(b, size);
	builder_u32(b, HAL_FLASH_SECTOR);
	builder_put(b, BYTES(serial, 8));
	if (!EVP_Digest(b->data, b->len, digest, NULL, EVP_sha256(), NULL))
		return false;
	builder_put(b, BYTES(digest, 16));
	return !b->failed;
}

static bool header_read(struct flash_file *f, const char **wrong)
{
	uint8_t raw[HEADER_BYTES], wanted[HEADER_BYTES];

	*wrong = "this is not a flash file of ukey-emu";
	if (!read_all(f->fd, raw, sizeof(raw), 0))
		return false;
	struct cursor c = cursor_of(BYTES_OF(raw));
	if (!bytes_equal(cursor_take(&c, sizeof(magic)), BYTES_OF(magic)))
		return false;
	*wrong = "made by another version of ukey-emu; use that one, or make a new token";
	if (cursor_u32(&c) != FILE_VERSION)
		return false;
	*wrong = "the file is damaged (its header); restore it, or make a new token";
	f->size = cursor_u32(&c);
	uint32_t sector = cursor_u32(&c);
	bytes_copy(f->serial, cursor_take(&c, sizeof(f->serial)));
	struct builder b = builder_of(wanted, sizeof(wanted));
	return sector == HAL_FLASH_SECTOR && valid_size(f->size) && header_build(&b, f->size, f->serial) &&
	       bytes_equal(BYTES_OF(raw), builder_bytes(&b));
}

static bool take_lock(int fd)
{
	return flock(fd, LOCK_EX | LOCK_NB) == 0;
}

static bool fill_new(struct flash_file *f)
{
	uint8_t page[HEADER_PAGE] = {0};
	struct builder b = builder_of(page, sizeof(page));
	bool ok = header_build(&b, f->size, f->serial) && write_all(f->fd, page, sizeof(page), 0);

	bytes_fill(page, ERASED, sizeof(page));
	for (uint32_t at = 0; ok && at < f->size; at += sizeof(page))
		ok = write_all(f->fd, page, sizeof(page), flash_at(at));
	return ok && ftruncate(f->fd, bits_at(f, f->size)) == 0 && fsync(f->fd) == 0;
}

/*
 * Under another name first: a file with the right name is always a whole one, whenever this process ends.
 */
bool flash_file_create(
	struct flash_file *f, const char *path, uint32_t size, const uint8_t serial[8], char *error, size_t error_size)
{
	size_t n = strlen(path) + sizeof(".XXXXXX");
	char *temporary = malloc(n);
	bool ok = false;

	*f = (struct flash_file){.fd = -1, .size = size};
	bytes_copy(f->serial, BYTES(serial, sizeof(f->serial)));
	if (!valid_size(size)) {
		snprintf(error, error_size, "a flash has %u to %u bytes, a multiple of %u", HAL_FLASH_SIZE_MIN,
			HAL_FLASH_SIZE_MAX, HAL_FLASH_SECTOR);
		goto out;
	}
	f->programmed = calloc(1, size / 8);
	if (!temporary || !f->programmed) {
		snprintf(error, error_size, "out of memory");
		goto out;
	}
	snprintf(temporary, n, "%s.XXXXXX", path);
	f->fd = mkostemp(temporary, O_CLOEXEC); /* mode 0600 */
	if (f->fd < 0) {
		snprintf(error, error_size, "%s: cannot create: %s", path, strerror(errno));
		goto out;
	}
	if (!take_lock(f->fd) || !fill_new(f) || link(temporary, path) != 0)
		snprintf(error, error_size, "%s: cannot create: %s", path, strerror(errno));
	else
		ok = true;
	unlink(temporary);
out:
	free(temporary);
	if (!ok)
		flash_file_close(f);
	return ok;
}

/* A byte that does not read FF was programmed, whatever the bits say: they may be behind after a crash. */
static bool load_programmed(struct flash_file *f)
{
	uint8_t page[HEADER_PAGE];

	f->programmed = calloc(1, f->size / 8);
	if (!f->programmed || !read_all(f->fd, f->programmed, f->size / 8, bits_at(f, 0)))
		return false;
	for (uint32_t at = 0; at < f->size; at += sizeof(page)) {
		if (!read_all(f->fd, page, sizeof(page), flash_at(at)))
			return false;
		for (uint32_t i = 0; i < sizeof(page); i++)
			if (page[i] != ERASED)
				f->programmed[(at + i) / 8] |= (uint8_t)(1u << ((at + i) % 8));
	}
	return true;
}

static const char *open_checked(struct flash_file *f, const char *path)
{
	struct stat st;
	const char *wrong;

	f->fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (f->fd < 0)
		return errno == ENOENT ? "no such file; --create makes it" : strerror(errno);
	if (fstat(f->fd, &st) != 0)
		return strerror(errno);
	if (!S_ISREG(st.st_mode))
		return "not a file";
	if (st.st_uid != geteuid())
		return "belongs to another user; private keys are in it, so it must be yours alone";
	if (st.st_mode & (S_IRWXG | S_IRWXO))
		return "others may open it, and private keys are in it; chmod 600 it";
	if (!take_lock(f->fd))
		return "another ukey-emu is using this token; stop that one, or use another file";
	if (!header_read(f, &wrong))
		return wrong;
	if (st.st_size != bits_at(f, f->size))
		return "the file is damaged (its length); restore it, or make a new token";
	return load_programmed(f) ? NULL : "cannot be read";
}

bool flash_file_open(struct flash_file *f, const char *path, char *error, size_t error_size)
{
	*f = (struct flash_file){.fd = -1};
	const char *wrong = open_checked(f, path);

	if (wrong) {
		snprintf(error, error_size, "%s: %s", path, wrong);
		flash_file_close(f);
	}
	return !wrong;
}

void flash_file_close(struct flash_file *f)
{
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
	free(f->programmed);
	f->programmed = NULL;
}

static bool inside(const struct flash_file *f, uint32_t at, size_t n)
{
	return at <= f->size && n <= f->size - at;
}

bool flash_file_read(struct flash_file *f, uint32_t at, uint8_t *to, size_t n)
{
	return inside(f, at, n) && read_all(f->fd, to, n, flash_at(at));
}

bool flash_file_may_write(const struct flash_file *f, uint32_t at, struct bytes data)
{
	if (!inside(f, at, data.len))
		return false;
	for (uint32_t i = at; i < at + data.len; i++)
		if (f->programmed[i / 8] & 1u << i % 8)
			return false;
	return true;
}

bool flash_file_may_erase(const struct flash_file *f, uint32_t at)
{
	return at % HAL_FLASH_SECTOR == 0 && inside(f, at, HAL_FLASH_SECTOR);
}

static bool mark(struct flash_file *f, uint32_t at, size_t n, bool programmed)
{
	if (n == 0)
		return true;
	for (uint32_t i = at; i < at + n; i++) {
		uint8_t bit = (uint8_t)(1u << i % 8);
		f->programmed[i / 8] = (uint8_t)(programmed ? f->programmed[i / 8] | bit : f->programmed[i / 8] & ~bit);
	}
	uint32_t first = at / 8, last = (uint32_t)(at + n - 1) / 8;
	return write_all(f->fd, f->programmed + first, last - first + 1, bits_at(f, at));
}

bool flash_file_scribble(struct flash_file *f, uint32_t at, struct bytes data)
{
	return inside(f, at, data.len) && write_all(f->fd, data.data, data.len, flash_at(at)) &&
	       mark(f, at, data.len, true);
}

bool flash_file_write(struct flash_file *f, uint32_t at, struct bytes data)
{
	return flash_file_may_write(f, at, data) && flash_file_scribble(f, at, data);
}

bool flash_file_erase(struct flash_file *f, uint32_t at)
{
	uint8_t blank[HAL_FLASH_SECTOR];

	bytes_fill(blank, ERASED, sizeof(blank));
	return flash_file_may_erase(f, at) && write_all(f->fd, blank, sizeof(blank), flash_at(at)) &&
	       mark(f, at, sizeof(blank), false);
}

bool flash_file_sync(struct flash_file *f)
{
	return fdatasync(f->fd) == 0;
}
