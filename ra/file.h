/* SPDX-License-Identifier: Apache-2.0 */
/* Small files, read whole and written so that a crash leaves the old or the new content. */
#ifndef RA_FILE_H
#define RA_FILE_H

#include "common/bytes.h"
#include "ra/status.h"

/* dir/name, malloc'ed; NULL when there is no memory. */
char *ra_path(const char *dir, const char *name);

/* NUL-ended text, malloc'ed; secrets may be inside: ra_pem_free(). NO_CA when there is no such file, IO otherwise. */
enum ra_status ra_file_read(const char *path, char **out);
/* The same for a private key: IO when anybody but its owner may open it. */
enum ra_status ra_file_read_key(const char *path, char **out);

/* A new file of mode 0600, flushed. It must not exist. */
enum ra_status ra_file_create(const char *path, struct bytes content);
/* Written beside and renamed into place. */
enum ra_status ra_file_replace(const char *path, struct bytes content);
/* Flushes a directory's entries, or a file that another library wrote. */
enum ra_status ra_file_sync(const char *path);

#endif
