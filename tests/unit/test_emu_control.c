/* SPDX-License-Identifier: Apache-2.0 */
/* The emulator's test bench: lines, answers, counters, planned accidents. The firmware here is a toy of this file. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "firmware-emu/control.h"
#include "firmware-emu/core/fw.h"

/* The toy: INS 01 writes two bytes of flash one by one, 02 waits for the button, all else echoes. */

struct fw {
	struct hal *hal;
	enum fw_card card;
	uint32_t at;
	uint8_t answer[64];
};

size_t fw_size(void)
{
	return sizeof(struct fw);
}

struct fw *fw_power_on(void *memory, struct hal *hal, enum fw_card card)
{
	struct fw *fw = memory;
	uint8_t byte;

	*fw = (struct fw){.hal = hal, .card = card};
	while (hal_flash_read(hal, fw->at, &byte, 1) && byte != 0xFF)
		fw->at++;
	return fw;
}

struct bytes fw_transceive(struct fw *fw, struct bytes command)
{
	static const uint8_t ok[] = {0x90, 0x00}, failed[] = {0x65, 0x81}, timeout[] = {0x64, 0x01};

	if (command.len > 1 && command.data[1] == 1) {
		for (int i = 0; i < 2; i++)
			if (!hal_flash_write(fw->hal, fw->at++, BYTES((const uint8_t *)"\x00", 1)))
				return BYTES_OF(failed);
		return BYTES_OF(ok);
	}
	if (command.len > 1 && command.data[1] == 2)
		return hal_touch(fw->hal, 20000) ? BYTES_OF(ok) : BYTES_OF(timeout);
	if (command.len > 1 && command.data[1] == 3)
		return fw->card == FW_CARD_PIV ? BYTES_OF(ok) : BYTES_OF(failed);
	bytes_copy(fw->answer, command);
	return BYTES(fw->answer, command.len);
}

struct bytes fw_atr(enum fw_card card)
{
	return card == FW_CARD_PIV ? BYTES((const uint8_t *)"\x3B\x81", 2) : BYTES((const uint8_t *)"\x3B\x80", 2);
}

/* A link that only remembers. */

static struct toy_link {
	struct link link;
	bool plugged;
	struct link_token token;
} toy;

static void toy_plug(struct link *l)
{
	(void)l;
	toy.token.power_up(toy.token.self);
	toy.plugged = true;
}

static void toy_unplug(struct link *l)
{
	(void)l;
	toy.token.power_cut(toy.token.self);
	toy.plugged = false;
}

static bool toy_plugged(struct link *l)
{
	(void)l;
	return toy.plugged;
}

static const struct link_ops toy_ops = {
	.name = "toy", .plug = toy_plug, .unplug = toy_unplug, .plugged = toy_plugged, .connected = toy_plugged};

static char folder[] = "/tmp/ukey-test.XXXXXX";
static char flash[64], socket_path[64], log_path[64];
static struct bench bench;

static int start(void **state)
{
	static const uint8_t serial[8] = {0xAB, 1, 2, 3, 4, 5, 6, 7};
	char error[200];

	unlink(flash);
	bench = (struct bench){.link = &toy.link};
	bench.hal =
		hal_open(&(struct hal_options){.flash = flash, .create = true, .serial = serial}, error, sizeof(error));
	bench.token = bench.hal ? token_new(bench.hal) : NULL;
	if (!bench.token)
		return -1;
	toy = (struct toy_link){.link.ops = &toy_ops, .token = token_for_link(bench.token)};
	toy_plug(&toy.link);
	*state = &bench;
	return 0;
}

static int end(void **state)
{
	(void)state;
	token_free(bench.token);
	hal_close(bench.hal);
	return 0;
}

static int make_folder(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(flash, sizeof(flash), "%s/token", folder);
	snprintf(socket_path, sizeof(socket_path), "%s/socket", folder);
	snprintf(log_path, sizeof(log_path), "%s/log", folder);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	unlink(flash);
	unlink(socket_path);
	unlink(log_path);
	return rmdir(folder);
}

static json_t *ask(const char *line)
{
	char *text = command_answer(&bench, BYTES((const uint8_t *)line, strlen(line)));
	assert_non_null(text);
	size_t n = strlen(text);
	assert_true(n > 1 && text[n - 1] == '\n' && strchr(text, '\n') == text + n - 1);
	json_t *o = json_loads(text, 0, NULL);
	assert_non_null(o);
	free(text);
	return o;
}

static void ask_fine(const char *line)
{
	json_t *o = ask(line);
	if (!json_is_true(json_object_get(o, "ok")))
		fail_msg("%s: %s", line, json_string_value(json_object_get(o, "error")));
	json_decref(o);
}

static void ask_refused(const char *line)
{
	json_t *o = ask(line);
	if (!json_is_false(json_object_get(o, "ok")) || !json_is_string(json_object_get(o, "error")))
		fail_msg("%s: not refused", line);
	json_decref(o);
}

static json_int_t number(const char *line, const char *name)
{
	json_t *o = ask(line), *v = json_object_get(o, name);

	if (!v)
		fail_msg("%s: no %s", line, name);
	json_int_t n = json_is_boolean(v) ? json_is_true(v) : json_integer_value(v);
	json_decref(o);
	return n;
}

static bool transceive(const char *command, size_t n, struct bytes *answer)
{
	return toy.token.transceive(toy.token.self, BYTES((const uint8_t *)command, n), answer);
}

static void lines_are_split_at_spaces(void **state)
{
	static uint8_t big[COMMAND_LINE_MAX + 1];
	struct command_words w;
	(void)state;

	assert_true(command_split(BYTES((const uint8_t *)"  cut  3 garbage ", 17), &w));
	assert_int_equal(w.count, 3);
	assert_string_equal(w.word[0], "cut");
	assert_string_equal(w.word[1], "3");
	assert_string_equal(w.word[2], "garbage");
	assert_true(command_split(BYTES_NONE, &w));
	assert_int_equal(w.count, 0);
	assert_false(command_split(BYTES((const uint8_t *)"a b c d e", 9), &w));
	assert_false(command_split(BYTES((const uint8_t *)"a\0b", 3), &w));
	assert_false(command_split(BYTES((const uint8_t *)"a\tb", 3), &w));
	bytes_fill(big, 'x', sizeof(big));
	assert_true(command_split(BYTES(big, COMMAND_LINE_MAX), &w));
	assert_false(command_split(BYTES_OF(big), &w));
}

static void numbers_are_decimal_and_fit(void **state)
{
	uint64_t n;
	(void)state;

	assert_true(command_number("0", &n) && n == 0);
	assert_true(command_number("18446744073709551615", &n) && n == UINT64_MAX);
	assert_false(command_number("18446744073709551616", &n));
	assert_false(command_number("99999999999999999999", &n));
	assert_false(command_number("", &n));
	assert_false(command_number("-1", &n));
	assert_false(command_number("0x1", &n));
	assert_false(command_number("1 ", &n));
}

static void what_is_no_command_is_refused(void **state)
{
	static const char *const lines[] = {"", "dance", "plug now", "cut", "cut x", "cut 1 most", "cut 1 none x",
		"unplug-at", "unplug-at 1 during", "latency slow", "touch", "touch twice", "log",
		"log /no/such/folder/f", "replug 99999", "replug x", "PLUG"};
	(void)state;

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		ask_refused(lines[i]);
	assert_true(toy.plugged);
}

static void plug_and_unplug(void **state)
{
	struct bytes answer;
	(void)state;

	assert_true(transceive("\0\x0A", 2, &answer));
	assert_int_equal(number("unplug", "plugged"), 0);
	assert_false(hal_powered(bench.hal));
	assert_int_equal(number("plug", "plugged"), 1);
	assert_true(transceive("\0\x0A", 2, &answer));
	assert_int_equal(number("counters", "sessions"), 2);
	ask_fine("power-cycle");
	ask_fine("replug 1");
	assert_true(toy.plugged);
	assert_true(transceive("\0\x0A", 2, &answer));
	toy.token.reset(toy.token.self);
	assert_true(transceive("\0\x0A", 2, &answer));
	assert_true(transceive("\0\x0A", 2, &answer));
	assert_int_equal(number("counters", "sessions"), 4);
}

static void everything_is_counted(void **state)
{
	struct bytes answer;
	(void)state;

	assert_true(transceive("\0\x01\x02\x03\x04", 5, &answer));
	assert_true(transceive("\0\x0A\x03", 3, &answer));
	assert_true(transceive("\0\x0A", 2, &answer));
	json_t *o = ask("counters"), *one = json_object_get(json_object_get(o, "ins"), "01");
	assert_int_equal(json_integer_value(json_object_get(o, "apdus")), 3);
	assert_int_equal(json_integer_value(json_object_get(o, "bytes_in")), 10);
	assert_int_equal(json_integer_value(json_object_get(o, "bytes_out")), 7);
	assert_int_equal(json_integer_value(json_object_get(one, "apdus")), 1);
	assert_int_equal(json_integer_value(json_object_get(one, "bytes_in")), 5);
	assert_int_equal(json_integer_value(json_object_get(one, "flash_writes")), 2);
	assert_int_equal(json_integer_value(json_object_get(one, "flash_bytes")), 2);
	assert_int_equal(json_object_size(json_object_get(o, "ins")), 2);
	json_decref(o);
	ask_fine("reset-counters");
	assert_int_equal(number("counters", "apdus"), 0);
	assert_int_equal(number("counters", "flash_writes"), 0);
}

static void a_planned_cut_happens_once_and_there(void **state)
{
	struct bytes answer;
	uint8_t bytes[4];
	(void)state;

	assert_int_equal(number("cut 4 none", "cut_left"), 4);
	assert_true(transceive("\0\x01", 2, &answer));
	assert_int_equal(number("status", "cut_left"), 2);
	assert_false(transceive("\0\x01", 2, &answer)); /* its second write */
	assert_int_equal(number("counters", "cuts"), 1);
	assert_int_equal(number("counters", "lost"), 1);
	ask_fine("power-cycle");
	assert_true(hal_flash_read(bench.hal, 0, bytes, 4));
	assert_memory_equal(bytes, "\0\0\0\xFF", 4);
	assert_true(transceive("\0\x01", 2, &answer));
	assert_int_equal(number("counters", "flash_violations"), 0);
	assert_int_equal(number("cut 2", "cut_left"), 2);
	assert_int_equal(number("cut 0", "cut_left"), 0);
	assert_true(transceive("\0\x01", 2, &answer));
}

static void a_planned_pull_happens_before_or_after_the_work(void **state)
{
	struct bytes answer;
	(void)state;

	ask_fine("unplug-at 2 after");
	assert_true(transceive("\0\x01", 2, &answer));
	assert_int_equal(number("status", "unplug_left"), 1);
	assert_false(transceive("\0\x01", 2, &answer));
	ask_fine("power-cycle");
	assert_int_equal(number("counters", "flash_writes"), 4);
	ask_fine("unplug-at 1 before");
	assert_false(transceive("\0\x01", 2, &answer));
	ask_fine("power-cycle");
	assert_int_equal(number("counters", "flash_writes"), 4);
	assert_int_equal(number("counters", "apdus"), 2);
	assert_int_equal(number("counters", "pulls"), 2);
	assert_true(transceive("\0\x01", 2, &answer));
}

static void what_card_it_is_changes_with_power(void **state)
{
	static const char which[] = {0, 3};
	struct bytes answer;
	(void)state;

	ask_refused("piv-only");
	ask_refused("piv-only maybe");
	assert_int_equal(number("status", "piv_only"), 0);
	assert_true(transceive(which, 2, &answer));
	ask_fine("piv-only on");
	assert_int_equal(number("status", "piv_only"), 1);
	/* the session that is open goes on as it began */
	assert_int_equal(toy.token.atr(toy.token.self).data[1], 0x80);
	assert_true(transceive(which, 2, &answer) && answer.data[0] == 0x65);
	toy.token.reset(toy.token.self);
	assert_int_equal(toy.token.atr(toy.token.self).data[1], 0x81);
	assert_true(transceive(which, 2, &answer) && answer.data[0] == 0x90);
	ask_fine("piv-only off");
	assert_true(transceive(which, 2, &answer) && answer.data[0] == 0x90);
	ask_fine("power-cycle");
	assert_int_equal(toy.token.atr(toy.token.self).data[1], 0x80);
	assert_true(transceive(which, 2, &answer) && answer.data[0] == 0x65);
}

static void status_tells_who_and_how(void **state)
{
	(void)state;
	ask_fine("latency chip");
	json_t *o = ask("status");
	assert_string_equal(json_string_value(json_object_get(o, "serial")), "AB01020304050607");
	assert_string_equal(json_string_value(json_object_get(o, "latency")), "chip");
	assert_true(json_is_true(json_object_get(o, "plugged")));
	assert_true(json_is_false(json_object_get(o, "busy")));
	assert_true(json_is_null(json_object_get(o, "ins")));
	json_decref(o);
	o = ask("help");
	assert_true(json_object_size(json_object_get(o, "commands")) > 10);
	json_decref(o);
}

static void the_log_shows_every_byte_to_its_owner_only(void **state)
{
	char line[128], text[512] = "";
	struct bytes answer;
	struct stat st;
	(void)state;

	snprintf(line, sizeof(line), "log %s", log_path);
	ask_fine(line);
	assert_true(transceive("\0\x20\xAB", 3, &answer));
	ask_fine("log off");
	assert_true(transceive("\0\x21\xCD", 3, &answer));
	assert_int_equal(stat(log_path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	FILE *f = fopen(log_path, "r");
	assert_non_null(f);
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	assert_non_null(strstr(text, "Z > 0020AB\n"));
	assert_non_null(strstr(text, "Z < 0020AB\n"));
	assert_null(strstr(text, "0021CD"));
}

/* Over the socket, while the token works. */

static int stop_pipe[2];

static void *control_thread(void *arg)
{
	control_serve(&bench, *(int *)arg, stop_pipe[0]);
	return NULL;
}

static bool button_result;

static void *wait_for_button(void *arg)
{
	struct bytes answer;
	(void)arg;
	button_result = transceive("\0\x02", 2, &answer) && answer.data[0] == 0x90;
	return NULL;
}

static int ctl(const char *word, const char *word2)
{
	char a[32], b[32];
	char *words[] = {a, b};

	snprintf(a, sizeof(a), "%s", word);
	snprintf(b, sizeof(b), "%s", word2 ? word2 : "");
	return control_ask(socket_path, word2 ? 2 : 1, words);
}

static void the_socket_answers_while_the_token_works(void **state)
{
	char error[200];
	pthread_t control, token;
	struct stat st;
	(void)state;

	int listener = control_listen(socket_path, error, sizeof(error));
	assert_true(listener >= 0);
	assert_int_equal(stat(socket_path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_true(pipe(stop_pipe) == 0);
	assert_int_equal(pthread_create(&control, NULL, control_thread, &listener), 0);
	assert_int_equal(control_listen(socket_path, error, sizeof(error)), -1);
	assert_non_null(strstr(error, "another ukey-emu"));

	assert_int_equal(ctl("touch", "never"), 0);
	assert_int_equal(pthread_create(&token, NULL, wait_for_button, NULL), 0);
	while (!hal_touch_waiting(bench.hal))
		usleep(1000);
	assert_int_equal(ctl("status", NULL), 0);
	assert_int_equal(ctl("counters", NULL), 0);
	assert_int_equal(ctl("touch", "press"), 0);
	pthread_join(token, NULL);
	assert_true(button_result);

	assert_int_equal(pthread_create(&token, NULL, wait_for_button, NULL), 0);
	while (!hal_touch_waiting(bench.hal))
		usleep(1000);
	assert_int_equal(ctl("unplug", NULL), 0);
	pthread_join(token, NULL);
	assert_false(button_result);

	assert_int_equal(ctl("nonsense", NULL), 1);
	assert_int_equal(ctl("quit", NULL), 0);
	pthread_join(control, NULL);
	assert_true(bench.quit);
	close(listener);
	close(stop_pipe[0]);
	close(stop_pipe[1]);
	assert_int_equal(ctl("status", NULL), 2);
	/* what a dead emulator left is replaced, what is not a socket is not */
	listener = control_listen(socket_path, error, sizeof(error));
	assert_true(listener >= 0);
	close(listener);
	assert_int_equal(control_listen(flash, error, sizeof(error)), -1);
	assert_int_equal(access(flash, F_OK), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_split_at_spaces),
		cmocka_unit_test(numbers_are_decimal_and_fit),
		cmocka_unit_test_setup_teardown(what_is_no_command_is_refused, start, end),
		cmocka_unit_test_setup_teardown(plug_and_unplug, start, end),
		cmocka_unit_test_setup_teardown(everything_is_counted, start, end),
		cmocka_unit_test_setup_teardown(a_planned_cut_happens_once_and_there, start, end),
		cmocka_unit_test_setup_teardown(a_planned_pull_happens_before_or_after_the_work, start, end),
		cmocka_unit_test_setup_teardown(what_card_it_is_changes_with_power, start, end),
		cmocka_unit_test_setup_teardown(status_tells_who_and_how, start, end),
		cmocka_unit_test_setup_teardown(the_log_shows_every_byte_to_its_owner_only, start, end),
		cmocka_unit_test_setup_teardown(the_socket_answers_while_the_token_works, start, end),
	};

	return cmocka_run_group_tests_name("emulator's bench", tests, make_folder, remove_folder);
}
