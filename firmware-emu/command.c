/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include "firmware-emu/command.h"

/*
 * pcscd looks at its readers every 400 ms; a token that comes back sooner was never away for it, and a driver is not
 * told. Longer by default.
 */
#define REPLUG_MS     600
#define REPLUG_MS_MAX 10000

bool command_split(struct bytes line, struct command_words *out)
{
	*out = (struct command_words){.count = 0};
	if (line.len > COMMAND_LINE_MAX)
		return false;
	bool in_word = false;
	for (size_t i = 0; i < line.len; i++) {
		uint8_t c = line.data[i];
		if (c < 0x20 || c == 0x7F)
			return false;
		out->text[i] = c == ' ' ? '\0' : (char)c;
		if (c != ' ' && !in_word) {
			if (out->count == COMMAND_WORDS)
				return false;
			out->word[out->count++] = out->text + i;
		}
		in_word = c != ' ';
	}
	return true;
}

bool command_number(const char *word, uint64_t *out)
{
	uint64_t n = 0;

	if (*word == '\0')
		return false;
	for (; *word; word++) {
		unsigned digit = (unsigned)*word - '0';
		if (digit > 9 || n > (UINT64_MAX - digit) / 10)
			return false;
		n = n * 10 + digit;
	}
	*out = n;
	return true;
}

static json_t *fine(void)
{
	return json_pack("{s:b}", "ok", 1);
}

static json_t *wrong(const char *why)
{
	return json_pack("{s:b, s:s}", "ok", 0, "error", why);
}

/* The commands: each gets its words, the command's own first, and gives the answer. */

static json_t *link_state(struct bench *b)
{
	return json_pack("{s:b, s:b, s:b}", "ok", 1, "plugged", b->link->ops->plugged(b->link), "connected",
		b->link->ops->connected(b->link));
}

static json_t *do_plug(struct bench *b, const struct command_words *w)
{
	(void)w;
	b->link->ops->plug(b->link);
	return link_state(b);
}

static json_t *do_unplug(struct bench *b, const struct command_words *w)
{
	(void)w;
	b->link->ops->unplug(b->link);
	return link_state(b);
}

static json_t *do_power_cycle(struct bench *b, const struct command_words *w)
{
	(void)w;
	b->link->ops->unplug(b->link);
	b->link->ops->plug(b->link);
	return link_state(b);
}

static json_t *do_replug(struct bench *b, const struct command_words *w)
{
	uint64_t ms = REPLUG_MS;

	if (w->count > 1 && (!command_number(w->word[1], &ms) || ms > REPLUG_MS_MAX))
		return wrong("replug takes milliseconds, at most 10000");
	b->link->ops->unplug(b->link);
	struct timespec t = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};
	while (nanosleep(&t, &t) != 0 && errno == EINTR)
		;
	b->link->ops->plug(b->link);
	return link_state(b);
}

static json_t *status_flash(struct bench *b)
{
	return json_pack("{s:I, s:I}", "size", (json_int_t)hal_flash_size(b->hal), "sector",
		(json_int_t)hal_flash_sector(b->hal));
}

static json_t *do_status(struct bench *b, const struct command_words *w)
{
	uint8_t serial[8], ins;
	char serial_text[17], ins_text[3];
	bool busy = token_busy(b->token, &ins);
	(void)w;

	hal_serial(b->hal, serial);
	for (size_t i = 0; i < sizeof(serial); i++)
		snprintf(serial_text + 2 * i, 3, "%02X", serial[i]);
	snprintf(ins_text, sizeof(ins_text), "%02X", ins);
	json_t *o = link_state(b);
	json_object_set_new(o, "serial", json_string(serial_text));
	json_object_set_new(o, "busy", json_boolean(busy));
	json_object_set_new(o, "ins", busy ? json_string(ins_text) : json_null());
	json_object_set_new(o, "piv_only", json_boolean(token_card(b->token) == FW_CARD_PIV));
	json_object_set_new(o, "touch_waiting", json_boolean(hal_touch_waiting(b->hal)));
	json_object_set_new(o, "latency", json_string(hal_latency(b->hal)->name));
	json_object_set_new(o, "cut_left", json_integer((json_int_t)hal_cut_left(b->hal)));
	json_object_set_new(o, "unplug_left", json_integer((json_int_t)token_pull_left(b->token)));
	json_object_set_new(o, "flash", status_flash(b));
	json_object_set_new(o, "version", json_string(PACKAGE_VERSION));
	return o;
}

static void put_count(json_t *o, const struct token_count *c)
{
	const struct {
		const char *name;
		uint64_t value;
	} rows[] = {
		{"apdus",        c->apdus       },
		{"bytes_in",     c->bytes_in    },
		{"bytes_out",    c->bytes_out   },
		{"flash_writes", c->flash_writes},
		{"flash_bytes",  c->flash_bytes },
		{"flash_erases", c->flash_erases},
		{"microseconds", c->microseconds},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		json_object_set_new(o, rows[i].name, json_integer((json_int_t)rows[i].value));
}

static json_t *do_counters(struct bench *b, const struct command_words *w)
{
	struct token_counters c;
	json_t *o = fine(), *all = json_object();
	(void)w;

	token_counters(b->token, &c);
	put_count(o, &c.total);
	json_object_set_new(o, "sessions", json_integer((json_int_t)c.sessions));
	json_object_set_new(o, "lost", json_integer((json_int_t)c.lost));
	json_object_set_new(o, "cuts", json_integer((json_int_t)c.cuts));
	json_object_set_new(o, "pulls", json_integer((json_int_t)c.pulls));
	json_object_set_new(o, "flash_violations", json_integer((json_int_t)c.flash_violations));
	for (unsigned ins = 0; ins < 256; ins++) {
		char name[3];
		if (c.ins[ins].apdus == 0)
			continue;
		snprintf(name, sizeof(name), "%02X", ins);
		json_t *one = json_object();
		put_count(one, &c.ins[ins]);
		json_object_set_new(all, name, one);
	}
	json_object_set_new(o, "ins", all);
	return o;
}

static json_t *do_reset_counters(struct bench *b, const struct command_words *w)
{
	(void)w;
	token_counters_reset(b->token);
	return fine();
}

/* One of `names`; false when it is none. */
static bool choose(const char *word, const char *const names[], size_t count, size_t *out)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(word, names[i]) == 0) {
			*out = i;
			return true;
		}
	return false;
}

static json_t *do_cut(struct bench *b, const struct command_words *w)
{
	static const char *const names[] = {
		[HAL_TEAR_NONE] = "none", [HAL_TEAR_PREFIX] = "prefix", [HAL_TEAR_GARBAGE] = "garbage"};
	uint64_t n, seed;
	size_t tear = HAL_TEAR_NONE;

	if (!command_number(w->word[1], &n))
		return wrong("cut takes the number of the flash operation; 0 cancels");
	if (w->count > 2 && !choose(w->word[2], names, 3, &tear))
		return wrong("a cut tears none, prefix or garbage");
	seed = n;
	if (w->count > 3 && !command_number(w->word[3], &seed))
		return wrong("the seed of a cut is a number");
	hal_plan_cut(b->hal, n, (enum hal_tear)tear, seed);
	return json_pack("{s:b, s:I}", "ok", 1, "cut_left", (json_int_t)n);
}

static json_t *do_unplug_at(struct bench *b, const struct command_words *w)
{
	static const char *const names[] = {[TOKEN_PULL_AFTER] = "after", [TOKEN_PULL_BEFORE] = "before"};
	size_t when = TOKEN_PULL_AFTER;
	uint64_t n;

	if (!command_number(w->word[1], &n))
		return wrong("unplug-at takes the number of the command; 0 cancels");
	if (w->count > 2 && !choose(w->word[2], names, 2, &when))
		return wrong("unplug-at pulls the token before or after the work");
	token_plan_pull(b->token, n, (enum token_pull)when);
	return json_pack("{s:b, s:I}", "ok", 1, "unplug_left", (json_int_t)n);
}

static json_t *do_latency(struct bench *b, const struct command_words *w)
{
	const struct latency *l;

	if (w->count > 1) {
		l = latency_find(w->word[1]);
		if (!l)
			return wrong("no such latency profile; \"latency\" alone lists them");
		hal_latency_set(b->hal, l);
	}
	json_t *o = fine(), *all = json_object();
	json_object_set_new(o, "latency", json_string(hal_latency(b->hal)->name));
	for (size_t i = 0; (l = latency_at(i)) != NULL; i++)
		json_object_set_new(all, l->name, json_string(l->what));
	json_object_set_new(o, "profiles", all);
	return o;
}

static json_t *do_touch(struct bench *b, const struct command_words *w)
{
	static const char *const names[] = {[HAL_TOUCH_AUTO] = "auto", [HAL_TOUCH_NEVER] = "never"};
	size_t mode;

	if (strcmp(w->word[1], "press") == 0)
		return json_pack("{s:b, s:b}", "ok", 1, "waited_for", hal_touch_press(b->hal));
	if (!choose(w->word[1], names, 2, &mode))
		return wrong("touch takes press, auto or never");
	hal_touch_set(b->hal, (enum hal_touch_mode)mode);
	return fine();
}

static json_t *do_piv_only(struct bench *b, const struct command_words *w)
{
	static const char *const names[] = {[FW_CARD_UKEY] = "off", [FW_CARD_PIV] = "on"};
	size_t card;

	if (!choose(w->word[1], names, 2, &card))
		return wrong("piv-only takes on or off");
	token_card_set(b->token, (enum fw_card)card);
	return fine();
}

static json_t *do_log(struct bench *b, const struct command_words *w)
{
	const char *where = w->word[1];

	if (strcmp(where, "off") == 0) {
		token_log_off(b->token);
		return fine();
	}
	if (token_log_on(b->token, strcmp(where, "on") == 0 ? NULL : where))
		return fine();
	char why[128];
	snprintf(why, sizeof(why), "cannot open the log: %s", strerror(errno));
	return wrong(why);
}

static json_t *do_quit(struct bench *b, const struct command_words *w)
{
	(void)w;
	b->quit = true;
	return fine();
}

static json_t *do_help(struct bench *b, const struct command_words *w);

static const struct row {
	const char *name;
	size_t least, most; /* words after the name */
	const char *arguments, *what;
	json_t *(*run)(struct bench *b, const struct command_words *w);
} rows[] = {
	{"plug",           0, 0, "",			       "put the token into its reader",                              do_plug          },
	{"unplug",         0, 0, "",			       "pull it out; a command in work is lost",                     do_unplug        },
	{"replug",         0, 1, "[MS]",                           "pull it out, wait (600 ms: pcscd notices), put it in",       do_replug        },
	{"power-cycle",    0, 0, "",                               "the same without waiting: power is gone for a moment",       do_power_cycle   },
	{"status",         0, 0, "",			       "what the token is doing",                                    do_status        },
	{"counters",       0, 0, "",			       "commands, bytes, flash operations, in all and for each INS", do_counters      },
	{"reset-counters", 0, 0, "",                               "set them to zero",                                           do_reset_counters},
	{"cut",            1, 3, "N [none|prefix|garbage [SEED]]", "lose power at the N-th flash operation from now; 0 cancels",
         do_cut																   },
	{"unplug-at",      1, 2, "N [after|before]",               "pull the token in the N-th command from now; 0 cancels",     do_unplug_at     },
	{"latency",        0, 1, "[PROFILE]",                      "how slow the token is",                                      do_latency       },
	{"touch",          1, 1, "press|auto|never",               "the button",                                                 do_touch         },
	{"piv-only",       1, 1, "on|off",                         "from the next power-up or reset on: PIV, nothing of ours",   do_piv_only      },
	{"log",            1, 1, "on|off|PATH",                    "every byte of the wire, PINs too",                           do_log           },
	{"quit",           0, 0, "",			       "end the emulator",                                           do_quit          },
	{"help",           0, 0, "",			       "this list",						  do_help          },
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

static json_t *do_help(struct bench *b, const struct command_words *w)
{
	json_t *o = fine(), *all = json_object();
	char usage[80];
	(void)b;
	(void)w;

	for (size_t i = 0; i < ROWS; i++) {
		snprintf(
			usage, sizeof(usage), "%s%s%s", rows[i].name, *rows[i].arguments ? " " : "", rows[i].arguments);
		json_object_set_new(all, usage, json_string(rows[i].what));
	}
	json_object_set_new(o, "commands", all);
	return o;
}

static json_t *dispatch(struct bench *bench, const struct command_words *w)
{
	char why[128];

	if (w->count == 0)
		return wrong("empty line; \"help\" lists the commands");
	for (size_t i = 0; i < ROWS; i++) {
		const struct row *r = &rows[i];
		if (strcmp(w->word[0], r->name) != 0)
			continue;
		if (w->count - 1 >= r->least && w->count - 1 <= r->most)
			return r->run(bench, w);
		snprintf(why, sizeof(why), "usage: %s %s", r->name, r->arguments);
		return wrong(why);
	}
	return wrong("unknown command; \"help\" lists them");
}

char *command_answer(struct bench *bench, struct bytes line)
{
	struct command_words words;
	json_t *o = command_split(line, &words) ? dispatch(bench, &words) : wrong("not a line of at most four words");
	char *text = o ? json_dumps(o, JSON_COMPACT | JSON_PRESERVE_ORDER) : NULL;

	json_decref(o);
	if (!text)
		return NULL;
	size_t n = strlen(text);
	char *line_out = realloc(text, n + 2);
	if (!line_out) {
		free(text);
		return NULL;
	}
	line_out[n] = '\n';
	line_out[n + 1] = '\0';
	return line_out;
}
