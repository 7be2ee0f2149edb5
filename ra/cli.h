/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands of ukey-ra share. */
#ifndef RA_CLI_H
#define RA_CLI_H

#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "ra/status.h"

/* Options of all commands; a command reads those it knows. Borrowed from argv. */
struct cli {
	const char *dir;
	const char *name, *key;         /* init */
	const char *hosts[17];          /* init: closed by NULL */
	const char *listen, *port_file; /* serve */
	const char *patience;           /* serve */
	const char *subject, *email;    /* code new */
	const char *profile, *valid;    /* code new */
	const char *passphrase_file;    /* init, serve */
	int passphrase_fd;              /* -1: not given */
	bool json;
	int argc; /* what is left after the options */
	char **argv;
};

enum ra_status cmd_init(const struct cli *cli);
enum ra_status cmd_serve(const struct cli *cli);
enum ra_status cmd_code_new(const struct cli *cli);
enum ra_status cmd_code_list(const struct cli *cli);
enum ra_status cmd_code_cancel(const struct cli *cli);
enum ra_status cmd_list(const struct cli *cli);
enum ra_status cmd_show(const struct cli *cli);
enum ra_status cmd_cacert(const struct cli *cli);

/*
 * The CA's passphrase: from --passphrase-file or --passphrase-fd (first line), else asked for on the terminal without
 * echo, twice when `fresh`. In secure memory: the caller gives it to secmem_free().
 */
enum ra_status cli_passphrase(const struct cli *cli, bool fresh, char **out);

/* "90s", "30m", "24h", "7d": seconds. USAGE for anything else, for 0 and for more than 90 days. */
enum ra_status cli_duration(const char *text, int64_t *out);

/* Seconds since 1970 as "2026-11-21T08:00:00Z". */
void cli_time(int64_t seconds, char out[32]);
int64_t cli_now(void);

/* Prints and gives back the reference. MEMORY when `value` is NULL, IO when it cannot be written. */
enum ra_status cli_print_json(json_t *value);

/* A time, or null for 0; a text, or null. */
json_t *cli_json_time(int64_t seconds);
json_t *cli_json_text(const char *text);

#endif
