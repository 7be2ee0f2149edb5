/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plays the transcripts in tests/wire/golden against a blank token each, and looks that every status word of protocol
 * section 3 occurs in them. A transcript has lines
 *
 *	# words				said to the reader
 *	> 00 A4 04 00 ...		a command; a line that begins with blanks goes on
 *	< 6F ?? 84 ... 9000		its answer, with the status word
 *	! power				off and on
 *	! flash SIZE SECTOR		a token with a flash of that size (decimal), blank
 *	! button off|on  keys off|on  chance off|on   the button; key generation; the random generator
 *	! fail N			the N-th flash operation from now fails
 *	! factory on			a token from the factory, with all that it gives
 *	! channel on|off		commands from here on are protected, in a session on channel 0; answers are
 *shown as the host sees them, unwrapped; a command whose class has the bit goes as it is
 *
 * In hexadecimal data, "text" stands for its bytes, 5A*300 for 300 times 5A, ?? for any byte, ??*16 for 16 of them.
 */
#define _DEFAULT_SOURCE /* scandir */

#include <ctype.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "tests/wire/personal.h"
#include "tests/wire/wire.h"

#define LONGEST 40000

struct pattern {
	uint8_t byte[LONGEST];
	bool any[LONGEST];
	size_t len;
};

struct play {
	const char *file;
	unsigned line;
	struct ramtoken *t;
	struct pattern command, expected;
	bool commanded, answered;
	struct scp_session session;
	bool inside;
	uint16_t sw;
	unsigned exchanges, wrong;
};

#define complain(p, ...)                                                                                               \
	do {                                                                                                           \
		print_error("%s:%u: ", (p)->file, (p)->line);                                                          \
		print_error(__VA_ARGS__);                                                                              \
		fail();                                                                                                \
	} while (0)

/* One word of data: hex digits, "text", ??, each with *count. Returns what follows it. */
static const char *read_word(struct play *p, const char *at, struct pattern *to)
{
	size_t from = to->len, count = 1;

	if (*at == '"') {
		for (at++; *at && *at != '"'; at++)
			to->byte[to->len++] = (uint8_t)*at;
		at += *at == '"';
	} else {
		for (; *at == '?' || isxdigit((unsigned char)*at); at += 2) {
			unsigned v = 0;
			if (*at != '?' && (!isxdigit((unsigned char)at[1]) || sscanf(at, "%2x", &v) != 1))
				complain(p, "half a byte\n");
			to->any[to->len] = *at == '?';
			to->byte[to->len++] = (uint8_t)v;
		}
	}
	size_t n = to->len - from;
	if (*at == '*')
		count = strtoul(at + 1, (char **)&at, 10);
	if (n == 0 || (*at && !isspace((unsigned char)*at)))
		complain(p, "not data: %s\n", at);
	for (; count > 1; count--) {
		for (size_t i = 0; i < n && to->len < LONGEST - 256; i++) {
			to->any[to->len] = to->any[from + i];
			to->byte[to->len++] = to->byte[from + i];
		}
	}
	return at;
}

static void read_data(struct play *p, const char *at, struct pattern *to)
{
	for (;;) {
		while (isspace((unsigned char)*at))
			at++;
		if (!*at)
			return;
		if (to->len > LONGEST - 600)
			complain(p, "too long\n");
		at = read_word(p, at, to);
	}
}

static bool matches(const struct pattern *e, struct bytes answer)
{
	if (e->len != answer.len)
		return false;
	for (size_t i = 0; i < e->len; i++)
		if (!e->any[i] && e->byte[i] != answer.data[i])
			return false;
	return true;
}

static bool seen[0x10000];

/* As the transcript has it, or wrapped. */
static struct bytes transceive(struct play *p)
{
	static uint8_t shown[LONGEST];
	struct builder b = builder_of(shown, sizeof(shown));
	struct bytes command = BYTES(p->command.byte, p->command.len), data;
	struct apdu a;

	if (!p->inside || !apdu_parse(command, &a) || a.cla & 0x0C)
		return ramtoken_transceive(p->t, command);
	uint16_t sw = personal_send(p->t, 0, &p->session, &a, &data);
	builder_put(&b, data);
	builder_u16(&b, sw);
	return builder_bytes(&b);
}

/* Send what was read, once its answer is read too. */
static void exchange(struct play *p)
{
	if (!p->commanded)
		return;
	if (!p->answered || p->expected.len < 2)
		complain(p, "a command without its answer before this line\n");
	struct bytes answer = transceive(p);
	if (!matches(&p->expected, answer)) {
		print_error("%s: the answer before line %u is\n%s, not\n%s\n", p->file, p->line, wire_text(answer),
			wire_text(BYTES(p->expected.byte, p->expected.len)));
		p->wrong++;
	}
	p->sw = (uint16_t)(answer.data[answer.len - 2] << 8 | answer.data[answer.len - 1]);
	seen[p->sw] = true;
	p->commanded = p->answered = false;
	p->command.len = p->expected.len = 0;
	memset(p->expected.any, 0, sizeof(p->expected.any));
	p->exchanges++;
}

static void directive(struct play *p, const char *text)
{
	struct ramtoken_options o = {0};
	char what[16] = "", value[16] = "";
	unsigned long n, m;

	if (sscanf(text, " flash %lu %lu", &n, &m) == 2) {
		ramtoken_free(p->t);
		o.flash_size = (uint32_t)n;
		o.sector = (uint32_t)m;
		p->t = ramtoken_new(&o);
	} else if (sscanf(text, " fail %lu", &n) == 1) {
		p->t->hal.fail_at = n;
	} else if (sscanf(text, " %15s %15s", what, value) == 2) {
		bool on = strcmp(value, "on") == 0;
		struct personal made;
		if (strcmp(what, "factory") == 0)
			personal_make(p->t, NULL, &made);
		else if (strcmp(what, "channel") == 0 && on)
			personal_open(p->t, 0, p->t->device_point, &p->session);
		else if (strcmp(what, "channel") == 0)
			wire(p->t, SELECT_UKEY, SW_OK);
		else if (strcmp(what, "button") == 0)
			p->t->hal.button = on;
		else if (strcmp(what, "keys") == 0)
			p->t->hal.no_keys = !on;
		else if (strcmp(what, "chance") == 0)
			p->t->hal.no_chance = !on;
		else
			complain(p, "unknown: %s", text);
		p->inside = strcmp(what, "channel") == 0 ? on : p->inside;
	} else if (strcmp(what, "power") == 0) {
		ramtoken_power_cycle(p->t);
		p->inside = false;
	} else {
		complain(p, "unknown: %s", text);
	}
}

static void play_line(struct play *p, const char *line)
{
	switch (*line) {
	case '>':
		exchange(p);
		p->commanded = true;
		read_data(p, line + 1, &p->command);
		break;
	case '<':
		p->answered = true;
		read_data(p, line + 1, &p->expected);
		break;
	case '!':
		exchange(p);
		directive(p, line + 1);
		break;
	case ' ':
	case '\t':
		read_data(p, line, p->answered ? &p->expected : &p->command);
		break;
	case '#':
	case '\n':
		exchange(p);
		break;
	default:
		complain(p, "what is this? %s", line);
	}
}

static unsigned play_file(const char *path, const char *name)
{
	static struct play p;
	static char line[8192];
	FILE *f = fopen(path, "r");

	assert_non_null(f);
	memset(&p, 0, sizeof(p));
	p.file = name;
	p.t = ramtoken_new(NULL);
	while (fgets(line, sizeof(line), f)) {
		p.line++;
		play_line(&p, line);
	}
	exchange(&p);
	fclose(f);
	print_message("%s: %u exchanges\n", name, p.exchanges);
	ramtoken_free(p.t);
	return p.exchanges > 0 ? p.wrong : 1;
}

static int is_transcript(const struct dirent *e)
{
	size_t n = strlen(e->d_name);
	return n > 4 && strcmp(e->d_name + n - 4, ".txt") == 0;
}

static void transcripts_play_as_written(void **state)
{
	struct dirent **list = NULL;
	int n = scandir(GOLDEN, &list, is_transcript, alphasort);

	(void)state;
	unsigned wrong = 0;
	assert_true(n > 0);
	for (int i = 0; i < n; i++) {
		char path[1024];
		snprintf(path, sizeof(path), "%s/%s", GOLDEN, list[i]->d_name);
		wrong += play_file(path, list[i]->d_name);
		free(list[i]);
	}
	free(list);
	assert_int_equal(wrong, 0);
}

/* Protocol section 3. 61xx and 63Cx stand for themselves with any x. */
static void every_status_word_is_shown(void **state)
{
	static const uint16_t words[] = {0x9000, 0x6400, 0x6401, 0x6581, 0x6700, 0x6881, 0x6882, 0x6883, 0x6982, 0x6983,
		0x6984, 0x6985, 0x6A80, 0x6A81, 0x6A82, 0x6A84, 0x6A86, 0x6A88, 0x6A89, 0x6D00, 0x6E00, 0x6F00, 0x63C0,
		0x6100};
	unsigned documented = 0, others = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (!seen[words[i]])
			fail_msg("no transcript shows %04X", words[i]);
		documented++;
	}
	for (unsigned sw = 0; sw < 0x10000; sw++) {
		bool known = (sw >> 8) == 0x61 || (sw >> 4) == 0x63C;
		for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
			known = known || words[i] == sw;
		others += seen[sw] && !known;
	}
	assert_int_equal(others, 0);
	assert_int_equal(documented, 24);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(transcripts_play_as_written),
		cmocka_unit_test(every_status_word_is_shown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
