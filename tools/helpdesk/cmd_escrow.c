/* SPDX-License-Identifier: Apache-2.0 */
/*
 * escrow: SO PINs of tokens without an unlock key. `show` is one step: the token is looked at before anything is
 * opened, the PIN is shown, and when those two people have used it the token gets the next one.
 */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "common/secmem.h"
#include "driver/ukey.h"
#include "tools/helpdesk/cli.h"

enum desk_status cmd_escrow_put(struct cli *cli)
{
	char *pin = NULL;
	enum desk_status status = cli_log_in(cli, false);

	if (status == DESK_OK)
		status = cli_pin(&cli->so_pin, _("the security officer (SO PIN)"), &pin);
	if (status == DESK_OK)
		status = desk_escrow_put(cli->desk, &cli->by, cli->argv[0], BYTES((const uint8_t *)pin, strlen(pin)));
	secmem_free(pin);
	if (status == DESK_OK)
		cli_say(cli, _("The SO PIN of token %s is sealed. Destroy every other copy."), cli->argv[0]);
	return status;
}

/* ---- the token in the reader ---- */

struct plugged {
	struct ukey *ukey;
	struct ukey_token *token;
	struct ukey_token_info info;
};

static void unplug(struct plugged *p)
{
	ukey_token_unref(p->token);
	ukey_close(p->ukey);
	*p = (struct plugged){0};
}

static enum desk_status token_failed(enum ukey_status s)
{
	return cli_fail(DESK_TOKEN, "%s %s", ukey_status_message(s), ukey_status_hint(s));
}

static enum desk_status find(const char *serial, struct plugged *p)
{
	struct ukey_token **list = NULL;
	size_t count = 0;
	enum ukey_status s = ukey_open(&p->ukey);

	if (s == UKEY_OK)
		s = ukey_refresh(p->ukey);
	if (s == UKEY_OK)
		s = ukey_tokens(p->ukey, &list, &count);
	for (size_t i = 0; i < count && p->token == NULL; i++) {
		ukey_token_info(list[i], &p->info);
		if (p->info.present && strcasecmp(p->info.serial, serial) == 0)
			p->token = ukey_token_ref(list[i]);
	}
	ukey_tokens_free(list, count);
	if (s != UKEY_OK)
		return token_failed(s);
	return p->token != NULL
		       ? DESK_OK
		       : cli_fail(DESK_TOKEN, _("insert token %s here; if it is elsewhere, see --by-hand"), serial);
}

static enum ukey_status try_so(struct plugged *p, const char *pin)
{
	enum ukey_status s = ukey_login(p->token, UKEY_SO, (const uint8_t *)pin, strlen(pin));

	if (s == UKEY_OK)
		s = ukey_logout(p->token);
	return s;
}

/*
 * Which of the two the token has: the present one, unless an earlier run ended between the token and the desk. A wrong
 * guess costs a try, which the right one gives back.
 */
static enum desk_status which(struct plugged *p, const struct desk_escrow *pins, bool *replaced)
{
	enum ukey_status s;

	ukey_token_info(p->token, &p->info);
	if (pins->again && p->info.so_pin.tries_left < 2)
		return cli_fail(DESK_TOKEN, _("its SO PIN may be one of two, and there is one try left"));
	*replaced = false;
	s = try_so(p, pins->present);
	if (s == UKEY_SO_PIN_INCORRECT && pins->again) {
		s = try_so(p, pins->next);
		*replaced = s == UKEY_OK;
	}
	return s == UKEY_OK ? DESK_OK : token_failed(s);
}

static enum desk_status replace(const char *serial, const struct desk_escrow *pins)
{
	struct plugged p = {0};
	enum desk_status status = find(serial, &p);

	if (status == DESK_OK) {
		enum ukey_status s = ukey_change_pin(p.token, UKEY_SO, (const uint8_t *)pins->present,
			strlen(pins->present), (const uint8_t *)pins->next, strlen(pins->next));
		status = s == UKEY_OK ? DESK_OK : token_failed(s);
	}
	unplug(&p);
	return status;
}

/* Past stdio, whose buffer is not wiped. */
static void tell(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void tell(const char *format, ...)
{
	va_list args;

	fflush(stdout);
	va_start(args, format);
	vdprintf(STDOUT_FILENO, format, args);
	va_end(args);
}

/* The new one's length: 20, or as near as the token's policy allows. */
static size_t length(const struct ukey_token_info *info)
{
	size_t len = 20;

	if (info->pin_max != 0 && len > info->pin_max)
		len = info->pin_max;
	return len < info->pin_min ? info->pin_min : len;
}

/* The token is here: nobody but the desk knows the next one. */
static enum desk_status by_tool(struct cli *cli, struct desk_escrow *pins)
{
	const char *serial = cli->argv[0];
	struct plugged p = {0};
	bool replaced = false;
	char line[8];
	enum desk_status status = cli_people_given(cli, true);

	if (status == DESK_OK)
		status = find(serial, &p);
	if (status == DESK_OK)
		status = cli_log_in(cli, true);
	if (status == DESK_OK)
		status = desk_escrow_begin(cli->desk, &cli->by, &cli->second_by, serial, length(&p.info), pins);
	if (status == DESK_OK) {
		cli_hold();
		status = which(&p, pins, &replaced);
	}
	unplug(&p); /* those two have the token for themselves now */
	if (status == DESK_OK && !replaced) {
		tell(_("SO PIN of token %s, shown this once: %s\n"), serial, pins->present);
		cli_say(cli, "%s", _("Use it now. Then press Enter: the token gets another one, that nobody sees."));
		fflush(stdout);
		cli_wait_line(line, sizeof(line));
		status = replace(serial, pins);
	}
	return status;
}

/* The token is elsewhere: both are shown, and both stay in escrow until those two say that it is done. */
static enum desk_status by_hand(struct cli *cli, struct desk_escrow *pins)
{
	const char *serial = cli->argv[0];
	char line[8] = "";
	enum desk_status status = cli_log_in(cli, true);

	if (status == DESK_OK)
		status = desk_escrow_begin(cli->desk, &cli->by, &cli->second_by, serial, 0, pins);
	if (status != DESK_OK)
		return status;
	cli_hold();
	tell(_("SO PIN of token %s, shown this once: %s\n"), serial, pins->present);
	tell(_("Set this one on token %s now: %s\n"), serial, pins->next);
	cli_say(cli, "%s", _("When the token has taken it, type: done"));
	fflush(stdout);
	cli_wait_line(line, sizeof(line));
	return strcmp(line, "done") == 0 ? DESK_OK
					 : cli_fail(DESK_TOKEN, _("both SO PINs stay in escrow; run this again"));
}

enum desk_status cmd_escrow_show(struct cli *cli)
{
	struct desk_escrow *pins = secmem_alloc(sizeof(*pins));
	enum desk_status status = pins == NULL ? DESK_MEMORY
				  : cli->json ? cli_fail(DESK_USAGE, _("an SO PIN is shown to people, not to programs"))
				  : cli->by_hand ? by_hand(cli, pins)
						 : by_tool(cli, pins);

	secmem_free(pins);
	if (status == DESK_OK)
		status = desk_escrow_done(cli->desk, &cli->by, &cli->second_by, cli->argv[0], !cli->by_hand);
	if (status == DESK_OK)
		cli_say(cli, _("Token %s has its new SO PIN, which is in escrow; the old one is erased."),
			cli->argv[0]);
	return status;
}
