/* SPDX-License-Identifier: Apache-2.0 */
/* The link to vpcd: its stream, piece by piece, and its behaviour against a reader played by the test. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "firmware-emu/link/link.h"
#include "firmware-emu/link/vpcd_stream.h"

/* The stream */

static struct vpcd_stream stream;

static void controls_and_commands_are_told_apart(void **state)
{
	static const uint8_t wire[] = {0, 1, 0, 0, 1, 1, 0, 1, 2, 0, 1, 4, 0, 4, 0x00, 0xA4, 4, 0, 0, 1, 3, 0, 0};
	struct cursor in = cursor_of(BYTES_OF(wire));
	struct bytes apdu;
	(void)state;

	vpcd_stream_start(&stream);
	assert_int_equal(vpcd_stream_next(&stream, &in, &apdu), VPCD_POWER_OFF);
	assert_int_equal(vpcd_stream_next(&stream, &in, &apdu), VPCD_POWER_ON);
	assert_int_equal(vpcd_stream_next(&stream, &in, &apdu), VPCD_RESET);
	assert_int_equal(vpcd_stream_next(&stream, &in, &apdu), VPCD_GET_ATR);
	assert_int_equal(vpcd_stream_next(&stream, &in, &apdu), VPCD_APDU);
	assert_true(bytes_equal(apdu, BYTES((const uint8_t *)"\x00\xA4\x04\x00", 4)));
	/* neither is a control: the host waits for an answer, so the core must give one */
	assert_int_equal(vpcd_stream_next(&stream, &in, &apdu), VPCD_APDU);
	assert_int_equal(apdu.len, 1);
	assert_int_equal(vpcd_stream_next(&stream, &in, &apdu), VPCD_APDU);
	assert_int_equal(apdu.len, 0);
	assert_int_equal(vpcd_stream_next(&stream, &in, &apdu), VPCD_INCOMPLETE);
	assert_true(cursor_done(&in));
}

static void the_pieces_do_not_matter(void **state)
{
	static uint8_t wire[3 + 2 + 65535];
	struct bytes apdu = BYTES_NONE;
	(void)state;

	wire[1] = 1;
	wire[2] = 4;
	wire[3] = wire[4] = 0xFF;
	for (size_t i = 5; i < sizeof(wire); i++)
		wire[i] = (uint8_t)(i * 7);
	for (size_t piece = 1; piece < 70000; piece = piece * 3 + 1) {
		size_t atrs = 0, apdus = 0;
		vpcd_stream_start(&stream);
		for (size_t at = 0; at < sizeof(wire); at += piece) {
			size_t n = sizeof(wire) - at < piece ? sizeof(wire) - at : piece;
			struct cursor in = cursor_of(BYTES(wire + at, n));
			enum vpcd_message m;
			while ((m = vpcd_stream_next(&stream, &in, &apdu)) != VPCD_INCOMPLETE) {
				atrs += m == VPCD_GET_ATR;
				apdus += m == VPCD_APDU;
			}
			assert_true(cursor_done(&in));
		}
		assert_int_equal(atrs, 1);
		assert_int_equal(apdus, 1);
		assert_true(bytes_equal(apdu, BYTES(wire + 5, 65535)));
	}
}

static void a_frame_is_length_and_bytes(void **state)
{
	static uint8_t big[65536], to[70000];
	struct builder b = builder_of(to, sizeof(to));
	(void)state;

	vpcd_frame(&b, BYTES((const uint8_t *)"\x90\x00", 2));
	assert_true(bytes_equal(builder_bytes(&b), BYTES((const uint8_t *)"\x00\x02\x90\x00", 4)));
	b = builder_of(to, sizeof(to));
	vpcd_frame(&b, BYTES(big, 65535));
	assert_int_equal(b.len, 65537);
	assert_false(b.failed);
	vpcd_frame(&b, BYTES_OF(big));
	assert_true(b.failed);
}

/* The link: a token that answers with its command reversed, and a reader on a port of its own. */

#define PATIENCE 30000 /* ms: of what must come */

struct bench {
	int listener, reader;
	char port[8];
	struct link *link;
	pthread_t thread;
	atomic_int ups, cuts, resets, transceives;
	atomic_bool powered, slow;
};

static void token_power_up(void *self)
{
	struct bench *b = self;
	b->ups++;
	b->powered = true;
}

static void token_power_cut(void *self)
{
	struct bench *b = self;
	b->cuts++;
	b->powered = false;
}

static void token_reset(void *self)
{
	((struct bench *)self)->resets++;
}

static bool token_transceive(void *self, struct bytes command, struct bytes *answer)
{
	static uint8_t reversed[65536];
	struct bench *b = self;

	b->transceives++;
	for (size_t i = 0; i < command.len; i++)
		reversed[i] = command.data[command.len - 1 - i];
	*answer = BYTES(reversed, command.len);
	if (command.len > 0 && command.data[0] == 0xEE) /* the token dies of it */
		return false;
	while (b->slow && b->powered)
		usleep(1000);
	return b->powered;
}

static struct bytes token_atr(void *self)
{
	(void)self;
	return BYTES((const uint8_t *)"\x3B\x80\x01", 3);
}

static void *run(void *link)
{
	((struct link *)link)->ops->run(link);
	return NULL;
}

static int bench_socket(in_port_t port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = port};
	const int on = 1, s = socket(AF_INET, SOCK_STREAM, 0);

	(void)setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	(void)setsockopt(s, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
	assert_int_equal(bind(s, (struct sockaddr *)&a, sizeof(a)), 0);
	return s;
}

static void bench_listen(struct bench *b, in_port_t port)
{
	struct sockaddr_in a;
	socklen_t n = sizeof(a);

	b->listener = bench_socket(port);
	assert_int_equal(listen(b->listener, 1), 0);
	assert_int_equal(getsockname(b->listener, (struct sockaddr *)&a, &n), 0);
	snprintf(b->port, sizeof(b->port), "%u", ntohs(a.sin_port));
}

static bool bench_accept(struct bench *b, int milliseconds)
{
	const struct timeval limit = {.tv_sec = PATIENCE / 1000};
	struct pollfd p = {.fd = b->listener, .events = POLLIN};

	if (poll(&p, 1, milliseconds) != 1)
		return false;
	b->reader = accept(b->listener, NULL, NULL);
	(void)setsockopt(b->reader, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	return b->reader >= 0;
}

static int bench_setup(void **state)
{
	static struct bench bench;
	char error[200];

	bench = (struct bench){.reader = -1};
	bench_listen(&bench, 0);
	struct link_options o = {
		.token = {&bench, token_power_up, token_power_cut, token_reset, token_transceive, token_atr},
		.host = "127.0.0.1",
		.port = bench.port,
		.plugged = true,
	};
	bench.link = link_vpcd.open(&o, error, sizeof(error));
	*state = &bench;
	return bench.link && pthread_create(&bench.thread, NULL, run, bench.link) == 0 ? 0 : -1;
}

static int bench_teardown(void **state)
{
	struct bench *b = *state;

	link_vpcd.stop(b->link);
	pthread_join(b->thread, NULL);
	link_vpcd.close(b->link);
	if (b->reader >= 0)
		close(b->reader);
	if (b->listener >= 0)
		close(b->listener);
	return 0;
}

static void say(struct bench *b, const void *data, size_t n)
{
	assert_int_equal(send(b->reader, data, n, MSG_NOSIGNAL), n);
}

static void hear(struct bench *b, const void *wanted, size_t n)
{
	static uint8_t got[70000];

	assert_true(n <= sizeof(got));
	assert_int_equal(recv(b->reader, got, n, MSG_WAITALL), n);
	assert_memory_equal(got, wanted, n);
}

/* The end of the connection is seen, and soon. */
static void hear_end(struct bench *b)
{
	uint8_t byte;

	assert_int_equal(recv(b->reader, &byte, 1, 0), 0);
	close(b->reader);
	b->reader = -1;
}

static void the_reader_is_served(void **state)
{
	struct bench *b = *state;

	assert_true(bench_accept(b, PATIENCE));
	say(b, "\x00\x01\x01\x00\x01\x04", 6);
	hear(b, "\x00\x03\x3B\x80\x01", 5);
	say(b, "\x00\x04\x00\xA4\x04\x01", 6);
	hear(b, "\x00\x04\x01\x04\xA4\x00", 6);
	assert_true(link_vpcd.connected(b->link));
	assert_int_equal(b->ups, 1);
	assert_int_equal(b->resets, 1);
	assert_int_equal(b->transceives, 1);
	assert_true(b->powered);
}

static void unplugged_means_gone_and_plugged_means_back(void **state)
{
	struct bench *b = *state;

	assert_true(bench_accept(b, PATIENCE));
	link_vpcd.unplug(b->link);
	assert_false(link_vpcd.plugged(b->link));
	assert_false(link_vpcd.connected(b->link));
	hear_end(b);
	assert_false(bench_accept(b, 200));
	assert_false(b->powered);
	link_vpcd.plug(b->link);
	assert_true(bench_accept(b, PATIENCE));
	say(b, "\x00\x02\x01\x02", 4);
	hear(b, "\x00\x02\x02\x01", 4);
}

static void unplugging_does_not_wait_for_a_command(void **state)
{
	struct bench *b = *state;

	assert_true(bench_accept(b, PATIENCE));
	b->slow = true;
	say(b, "\x00\x02\x01\x02", 4);
	while (b->transceives == 0)
		usleep(1000);
	link_vpcd.unplug(b->link);
	hear_end(b);
	/* and a plug that comes while the command still ends is not undone by its end */
	link_vpcd.plug(b->link);
	b->slow = false;
	assert_true(bench_accept(b, PATIENCE));
	assert_true(link_vpcd.plugged(b->link));
	say(b, "\x00\x02\x01\x02", 4);
	hear(b, "\x00\x02\x02\x01", 4);
}

static void a_token_that_loses_power_stays_out(void **state)
{
	struct bench *b = *state;

	assert_true(bench_accept(b, PATIENCE));
	say(b, "\x00\x02\xEE\x02", 4);
	hear_end(b);
	assert_false(bench_accept(b, 200));
	assert_false(link_vpcd.plugged(b->link));
	link_vpcd.plug(b->link);
	assert_true(bench_accept(b, PATIENCE));
}

static void a_reader_that_comes_back_finds_its_token(void **state)
{
	struct bench *b = *state;
	struct sockaddr_in a;
	socklen_t n = sizeof(a);

	assert_true(bench_accept(b, PATIENCE));
	assert_int_equal(getsockname(b->listener, (struct sockaddr *)&a, &n), 0);
	/* Nobody else gets the port meanwhile. */
	const int keeper = bench_socket(a.sin_port);
	close(b->listener);
	close(b->reader);
	for (int i = 0; i < 10000 && link_vpcd.connected(b->link); i++)
		usleep(1000);
	usleep(150000); /* some attempts are refused */
	assert_true(link_vpcd.plugged(b->link));
	assert_false(link_vpcd.connected(b->link));
	bench_listen(b, a.sin_port);
	close(keeper);
	assert_true(bench_accept(b, PATIENCE));
	say(b, "\x00\x02\x01\x02", 4);
	hear(b, "\x00\x02\x02\x01", 4);
	assert_int_equal(b->ups, 2);
}

static void long_messages_pass_whole(void **state)
{
	static uint8_t wire[2 + 65535], back[2 + 65535];
	struct bench *b = *state;

	assert_true(bench_accept(b, PATIENCE));
	wire[0] = wire[1] = back[0] = back[1] = 0xFF;
	for (size_t i = 0; i < 65535; i++) {
		wire[2 + i] = (uint8_t)(i % 251);
		back[65536 - i] = wire[2 + i];
	}
	say(b, wire, sizeof(wire));
	hear(b, back, sizeof(back));
}

static void a_host_that_does_not_exist_is_refused_at_once(void **state)
{
	char error[200] = "";
	struct link_options o = {.host = "127.0.0.1", .port = "nonsense"};
	(void)state;

	assert_null(link_vpcd.open(&o, error, sizeof(error)));
	assert_non_null(strstr(error, "--port"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(controls_and_commands_are_told_apart),
		cmocka_unit_test(the_pieces_do_not_matter),
		cmocka_unit_test(a_frame_is_length_and_bytes),
		cmocka_unit_test_setup_teardown(the_reader_is_served, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(
			unplugged_means_gone_and_plugged_means_back, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(unplugging_does_not_wait_for_a_command, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(a_token_that_loses_power_stays_out, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(a_reader_that_comes_back_finds_its_token, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(long_messages_pass_whole, bench_setup, bench_teardown),
		cmocka_unit_test(a_host_that_does_not_exist_is_refused_at_once),
	};

	return cmocka_run_group_tests_name("link to vpcd", tests, NULL, NULL);
}
