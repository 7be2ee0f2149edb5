/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands of ukey-helpdesk share. */
#ifndef HELPDESK_CLI_H
#define HELPDESK_CLI_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "common/i18n.h"
#include "desk/desk.h"

#define LIST_MAX        32
#define CLI_FILE_MAX    65536
#define CLI_SERIAL_SIZE 65

/* One PIN: from a file's or descriptor's first line, else asked for. */
struct pin_source {
	const char *file;
	int fd; /* -1: not given */
	const char *prompt;
};

/* Options of all commands; a command reads those it knows. Borrowed from argv. */
struct cli {
	const char *dir, *as, *login, *second, *second_login;
	struct pin_source pin, second_pin, so_pin;
	const char *master, *head_file, *profiles; /* init */
	int64_t key_version, operator_hourly;
	const char *roles, *certificate; /* staff add */
	const char *holder, *unit, *contact, *profile, *reason;
	const char *certificate_serials[LIST_MAX + 1], *evidence[LIST_MAX + 1]; /* ended by NULL */
	size_t certificate_count, evidence_count;
	const char *head, *file, *output; /* audit */
	int64_t from;
	bool no_unlock, open, by_hand, json;
	int argc; /* operands */
	char **argv;

	struct desk *desk;
	struct desk_person by, second_by;
	json_t *result; /* printed with --json */
};

/* Opens the desk; log_in also logs in who --as says, and who --second says when `two`. */
enum desk_status cli_open(struct cli *cli);
enum desk_status cli_log_in(struct cli *cli, bool two);
/* The command line says who; nobody is asked for anything yet. */
enum desk_status cli_people_given(const struct cli *cli, bool two);
/* NUL-terminated, in secure memory: give it to secmem_free(). */
enum desk_status cli_pin(const struct pin_source *source, const char *what, char **out);
/* desk_pin_source with a struct pin_source. */
enum desk_status cli_pin_callback(void *source, const char *what, char **out);
/* The number of operand i; USAGE else. */
enum desk_status cli_number(const char *text, int64_t min, int64_t max, int64_t *out);
/* Keeps the reason for the message. */
enum desk_status cli_fail(enum desk_status status, const char *format, ...) __attribute__((format(printf, 2, 3)));
const char *cli_detail(void);
/* A whole file of at most max bytes and a zero behind; free() it. */
enum desk_status cli_read_file(const char *path, size_t max, uint8_t **out, size_t *len);
/* DER from PEM or DER; free() it. */
enum desk_status cli_read_certificate(const char *path, uint8_t **out, size_t *len);
/* The serial number of the certificate in a file, hexadecimal. */
enum desk_status cli_certificate_serial(const char *path, char out[CLI_SERIAL_SIZE]);
/* A line on standard output, not with --json. Control characters from the register come out as '?'. */
void cli_say(const struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* "2026-11-21 08:00:00Z", "-" for 0. */
void cli_time(int64_t seconds, char out[32]);
/*
 * Waits for a line on standard input, of which the beginning comes back; a signal that would end the program, or the
 * end of the input, ends the wait with an empty one. cli_hold: from here on such a signal only waits to be asked for.
 */
void cli_hold(void);
void cli_wait_line(char *out, size_t cap);
/* What is wrong with a code, in words, as the detail of CODE. */
enum desk_status cli_code_fault(const struct code_fault *fault);

enum desk_status cmd_init(struct cli *cli);
enum desk_status cmd_key_add(struct cli *cli);
enum desk_status cmd_key_retire(struct cli *cli);
enum desk_status cmd_key_list(struct cli *cli);
enum desk_status cmd_staff_add(struct cli *cli);
enum desk_status cmd_staff_remove(struct cli *cli);
enum desk_status cmd_staff_list(struct cli *cli);
enum desk_status cmd_token_register(struct cli *cli);
enum desk_status cmd_profile_list(struct cli *cli);
enum desk_status cmd_profile_set(struct cli *cli);
enum desk_status cmd_token_update(struct cli *cli);
enum desk_status cmd_token_find(struct cli *cli);
enum desk_status cmd_token_state(struct cli *cli);
enum desk_status cmd_request(struct cli *cli);
enum desk_status cmd_list(struct cli *cli);
enum desk_status cmd_checklist(struct cli *cli);
enum desk_status cmd_identify(struct cli *cli);
enum desk_status cmd_approve(struct cli *cli);
enum desk_status cmd_reject(struct cli *cli);
enum desk_status cmd_respond(struct cli *cli);
enum desk_status cmd_confirm(struct cli *cli);
enum desk_status cmd_escrow_put(struct cli *cli);
enum desk_status cmd_escrow_show(struct cli *cli);
enum desk_status cmd_audit_list(struct cli *cli);
enum desk_status cmd_audit_verify(struct cli *cli);
enum desk_status cmd_audit_export(struct cli *cli);

#endif
