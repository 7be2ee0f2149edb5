/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <pthread.h>
#include <stdlib.h>

#include "firmware-emu/core/fw.h"
#include "firmware-emu/hal/state.h"
#include "firmware-emu/token.h"
#include "firmware-emu/wire_log.h"

struct token {
	struct hal *hal;
	void *memory;  /* of the firmware */
	struct fw *fw; /* in it; the token's thread only */

	pthread_mutex_t lock;      /* over all that follows. Taken after a link's lock, before the hal's */
	enum fw_card card, wanted; /* what it is in this session, and from the next power-up or reset on */
	bool session_over;         /* the next command finds the token freshly powered */
	bool busy;
	uint8_t busy_ins;
	uint64_t pull_left;
	enum token_pull pull_when;
	struct token_counters counters;
	uint64_t violations_before;
	struct wire_log log;
};

struct token *token_new(struct hal *hal)
{
	struct token *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->hal = hal;
	t->session_over = true;
	t->memory = calloc(1, fw_size());
	pthread_mutex_init(&t->lock, NULL);
	if (!t->memory) {
		token_free(t);
		return NULL;
	}
	return t;
}

void token_free(struct token *t)
{
	if (!t)
		return;
	wire_log_off(&t->log);
	if (t->memory)
		bytes_wipe(t->memory, fw_size());
	free(t->memory);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

/* For the link */

static void begin_session(struct token *t, const char *why)
{
	pthread_mutex_lock(&t->lock);
	t->session_over = true;
	t->card = t->wanted;
	wire_log_event(&t->log, why);
	pthread_mutex_unlock(&t->lock);
}

static void power_up(void *self)
{
	struct token *t = self;

	begin_session(t, "power on");
	hal_power_up(t->hal);
}

static void power_cut(void *self)
{
	struct token *t = self;

	hal_power_cut(t->hal);
	begin_session(t, "power off");
}

static void reset(void *self)
{
	begin_session(self, "reset");
}

static struct bytes atr(void *self)
{
	struct token *t = self;

	pthread_mutex_lock(&t->lock);
	enum fw_card card = t->card;
	pthread_mutex_unlock(&t->lock);
	return fw_atr(card);
}

/* What a command is about to meet. */
struct moment {
	bool new_session, pull;
	enum fw_card card;
	enum token_pull when;
	uint64_t started;
	struct hal_counters flash;
};

/* Run the firmware. False: power was lost, and the hal left it by longjmp. */
static bool run_firmware(struct token *t, const struct moment *m, struct bytes command, struct bytes *answer)
{
	volatile bool done = false;

	if (setjmp(*hal_power_trap(t->hal)) == 0) {
		hal_power_trap_arm(t->hal, true);
		if (m->new_session) {
			/* memory without power holds anything */
			bytes_fill(t->memory, 0xA5, fw_size());
			t->fw = fw_power_on(t->memory, t->hal, m->card);
		}
		*answer = fw_transceive(t->fw, command);
		done = true;
	}
	hal_power_trap_arm(t->hal, false);
	return done && hal_powered(t->hal);
}

static struct moment command_begins(struct token *t, struct bytes command)
{
	struct moment m = {.started = hal_now(), .flash = hal_counters(t->hal)};

	pthread_mutex_lock(&t->lock);
	wire_log_bytes(&t->log, '>', command);
	m.pull = t->pull_left > 0 && --t->pull_left == 0;
	m.when = t->pull_when;
	if (!(m.pull && m.when == TOKEN_PULL_BEFORE)) {
		m.new_session = t->session_over;
		m.card = t->card;
		t->session_over = false;
		t->counters.sessions += m.new_session;
	}
	t->busy = true;
	t->busy_ins = command.len > 1 ? command.data[1] : 0;
	pthread_mutex_unlock(&t->lock);
	return m;
}

static void count(
	struct token_count *c, const struct moment *m, const struct hal_counters *flash, size_t in, size_t out)
{
	c->apdus++;
	c->bytes_in += in;
	c->bytes_out += out;
	c->flash_writes += flash->flash_writes - m->flash.flash_writes;
	c->flash_bytes += flash->flash_bytes - m->flash.flash_bytes;
	c->flash_erases += flash->flash_erases - m->flash.flash_erases;
	c->microseconds += (hal_now() - m->started) / 1000;
}

static void command_ends(struct token *t, const struct moment *m, struct bytes command, bool alive, struct bytes answer)
{
	struct hal_counters flash = hal_counters(t->hal);
	bool cut = flash.cuts > m->flash.cuts;
	size_t out = alive ? answer.len : 0;

	pthread_mutex_lock(&t->lock);
	if (!m->pull || m->when != TOKEN_PULL_BEFORE) {
		count(&t->counters.total, m, &flash, command.len, out);
		count(&t->counters.ins[t->busy_ins], m, &flash, command.len, out);
	}
	t->counters.lost += !alive;
	t->counters.cuts += cut;
	t->counters.pulls += m->pull;
	t->busy = false;
	if (alive)
		wire_log_bytes(&t->log, '<', answer);
	else
		wire_log_event(&t->log, cut ? "power cut: no answer" : "no answer");
	pthread_mutex_unlock(&t->lock);
}

static bool transceive(void *self, struct bytes command, struct bytes *answer)
{
	struct token *t = self;
	struct moment m = command_begins(t, command);
	bool alive = false;

	*answer = BYTES_NONE;
	if (!(m.pull && m.when == TOKEN_PULL_BEFORE)) {
		alive = run_firmware(t, &m, command, answer);
		uint64_t slow = latency_command(hal_latency(t->hal), command.len + answer->len);
		if (alive && slow > 0)
			alive = hal_spend(t->hal, slow);
	}
	if (m.pull)
		alive = false;
	command_ends(t, &m, command, alive, *answer);
	return alive;
}

struct link_token token_for_link(struct token *t)
{
	return (struct link_token){
		.self = t,
		.power_up = power_up,
		.power_cut = power_cut,
		.reset = reset,
		.transceive = transceive,
		.atr = atr,
	};
}

/* Instruments */

void token_card_set(struct token *t, enum fw_card card)
{
	pthread_mutex_lock(&t->lock);
	t->wanted = card;
	pthread_mutex_unlock(&t->lock);
}

enum fw_card token_card(struct token *t)
{
	pthread_mutex_lock(&t->lock);
	enum fw_card wanted = t->wanted;
	pthread_mutex_unlock(&t->lock);
	return wanted;
}

void token_counters(struct token *t, struct token_counters *to)
{
	pthread_mutex_lock(&t->lock);
	*to = t->counters;
	to->flash_violations = hal_counters(t->hal).flash_violations - t->violations_before;
	pthread_mutex_unlock(&t->lock);
}

void token_counters_reset(struct token *t)
{
	pthread_mutex_lock(&t->lock);
	t->counters = (struct token_counters){0};
	t->violations_before = hal_counters(t->hal).flash_violations;
	pthread_mutex_unlock(&t->lock);
}

void token_plan_pull(struct token *t, uint64_t n, enum token_pull when)
{
	pthread_mutex_lock(&t->lock);
	t->pull_left = n;
	t->pull_when = when;
	pthread_mutex_unlock(&t->lock);
}

uint64_t token_pull_left(struct token *t)
{
	pthread_mutex_lock(&t->lock);
	uint64_t left = t->pull_left;
	pthread_mutex_unlock(&t->lock);
	return left;
}

bool token_busy(struct token *t, uint8_t *ins)
{
	pthread_mutex_lock(&t->lock);
	bool busy = t->busy;
	*ins = t->busy_ins;
	pthread_mutex_unlock(&t->lock);
	return busy;
}

bool token_log_on(struct token *t, const char *path)
{
	bool ok = true;

	pthread_mutex_lock(&t->lock);
	if (path)
		ok = wire_log_file(&t->log, path);
	else
		wire_log_stderr(&t->log);
	pthread_mutex_unlock(&t->lock);
	return ok;
}

void token_log_off(struct token *t)
{
	pthread_mutex_lock(&t->lock);
	wire_log_off(&t->log);
	pthread_mutex_unlock(&t->lock);
}
