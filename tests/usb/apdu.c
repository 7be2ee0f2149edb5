/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Single APDUs to a token, each way below libukey, for shell tests and for measuring what a way costs.
 *
 *	apdu usb talk		a line of hexadecimal digits from standard input is a command; its answer comes as a
 *				line "ANSWER MICROSECONDS", or as the status' name
 *	apdu pcsc talk		the same through pcscd, to the first reader with a card
 *	apdu usb time LE N	microseconds of GET CHALLENGE for LE bytes: the tenth part of N calls was quicker
 *				(a median tells more of who else is on the machine)
 *	apdu pcsc time LE N
 *	apdu bare time LE N	the same by two calls of libusb an APDU and nothing else
 *	apdu both time LE N	bare and usb in turns, in one line: what disturbs the machine disturbs both
 */
#include "config.h"

#include "common/hex.h"
#include "driver/transport/usb.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <libusb.h>

#define VENDOR  0x1209
#define PRODUCT 0x0001
#define ROUND   20 /* of one way, before the other has its turn */
#define MOST    70000

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int by_size(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void die(const char *what, const char *why)
{
	fprintf(stderr, "apdu: %s: %s\n", what, why);
	exit(1);
}

/* ---- a transport ---- */

struct road {
	const struct transport_ops *ops;
	struct transport *transport;
	struct connection *connection;
};

static void road_open(struct road *r, const struct transport_ops *ops)
{
	struct transport_reader *list = NULL;
	size_t count = 0;
	enum ukey_status status;

	r->ops = ops;
	status = ops->create(NULL, &r->transport);
	if (status == UKEY_OK)
		status = ops->enumerate(r->transport, &list, &count);
	if (status == UKEY_OK)
		status = UKEY_NO_TOKEN;
	for (size_t i = 0; i < count && status == UKEY_NO_TOKEN; i++)
		if (list[i].present)
			status = ops->open(r->transport, list[i].name, &r->connection);
	free(list);
	if (status != UKEY_OK)
		die("open", ukey_status_name(status));
}

static void road_close(struct road *r)
{
	r->ops->close(r->connection, false);
	r->ops->destroy(r->transport);
}

static enum ukey_status road_send(struct road *r, struct bytes command, struct builder *answer)
{
	enum ukey_status status = r->ops->begin(r->connection);

	if (status != UKEY_OK)
		return status;
	status = r->ops->transceive(r->connection, command, answer);
	r->ops->end(r->connection);
	return status;
}

/* ---- the bare endpoints ---- */

struct bare {
	libusb_context *usb;
	libusb_device_handle *handle;
	uint8_t seq;
};

static uint8_t room[65536 + 1024];

/* A message out, and its answer in. The device's answers to us are short: one transfer each. */
static int bare_send(struct bare *b, uint8_t type, struct bytes data)
{
	uint8_t message[300] = {type};
	int n = 0, error;

	message[1] = (uint8_t)data.len;
	message[6] = ++b->seq;
	memcpy(message + 10, data.data, data.len);
	error = libusb_bulk_transfer(b->handle, 0x01, message, (int)(10 + data.len), &n, 5000);
	/* "Still at work" is no answer. */
	do
		error = error ? error : libusb_bulk_transfer(b->handle, 0x82, room, sizeof room / 64 * 64, &n, 5000);
	while (!error && n == 10 && (room[7] & 0xC0) == 0x80);
	if (error)
		fprintf(stderr, "apdu: %s\n", libusb_error_name(error));
	return !error && n >= 10 && room[6] == b->seq && (room[7] & 0xC0) == 0 ? n - 10 : -1;
}

static void bare_open(struct bare *b)
{
	static const uint8_t nothing[1];

	if (libusb_init(&b->usb) != 0)
		die("bare", "libusb");
	b->handle = libusb_open_device_with_vid_pid(b->usb, VENDOR, PRODUCT);
	if (!b->handle || libusb_claim_interface(b->handle, 0) != 0)
		die("bare", "no device, or somebody else's");
	if (bare_send(b, 0x62, (struct bytes){nothing, 0}) < 2)
		die("bare", "no power");
}

static void bare_close(struct bare *b)
{
	libusb_release_interface(b->handle, 0);
	libusb_close(b->handle);
	libusb_exit(b->usb);
}

/* ---- measuring ---- */

static uint8_t got[MOST];

/* So many times GET CHALLENGE; 256 bytes have a Le of zero. */
static void measure_road(const struct transport_ops *ops, size_t le, size_t n, double *took)
{
	const uint8_t command[] = {0x00, 0x84, 0x00, 0x00, (uint8_t)le};
	struct road r;

	road_open(&r, ops);
	for (size_t i = 0; i < n; i++) {
		struct builder answer = builder_of(got, sizeof got);
		const double begun = now_us();
		enum ukey_status status = road_send(&r, BYTES(command, sizeof command), &answer);
		took[i] = now_us() - begun;
		if (status != UKEY_OK || answer.len != le + 2)
			die("command", ukey_status_name(status));
	}
	road_close(&r);
}

static void measure_bare(size_t le, size_t n, double *took)
{
	const uint8_t command[] = {0x00, 0x84, 0x00, 0x00, (uint8_t)le};
	struct bare b = {0};

	bare_open(&b);
	for (size_t i = 0; i < n; i++) {
		const double begun = now_us();
		int length = bare_send(&b, 0x6F, BYTES(command, sizeof command));
		took[i] = now_us() - begun;
		if (length != (int)le + 2)
			die("bare", "no answer");
	}
	bare_close(&b);
}

static void say(double *took, size_t n, char end)
{
	qsort(took, n, sizeof *took, by_size);
	printf("%.1f%c", took[n / 10], end);
}

static void measure(const char *way, size_t le, size_t n)
{
	double *first = calloc(n + ROUND, sizeof *first), *second = calloc(n + ROUND, sizeof *second);

	if (!first || !second)
		die("measure", "out of memory");
	if (strcmp(way, "both") == 0) {
		for (size_t i = 0; i < n; i += ROUND) {
			measure_bare(le, ROUND, first + i);
			measure_road(&transport_usb, le, ROUND, second + i);
		}
		say(first, n, ' ');
		say(second, n, '\n');
	} else if (strcmp(way, "bare") == 0) {
		measure_bare(le, n, first);
		say(first, n, '\n');
	} else {
		measure_road(strcmp(way, "usb") == 0 ? &transport_usb : &transport_pcsc, le, n, first);
		say(first, n, '\n');
	}
	free(first);
	free(second);
}

/* ---- talking ---- */

static void talk(const struct transport_ops *ops)
{
	static uint8_t command[MOST];
	char *line = NULL;
	size_t size = 0;
	struct road r;

	road_open(&r, ops);
	while (getline(&line, &size, stdin) > 0) {
		struct builder answer = builder_of(got, sizeof got);
		line[strcspn(line, "\r\n")] = '\0';
		struct builder c = builder_of(command, sizeof command);
		if (!hex_decode(line, &c))
			die("digits", line);
		const double begun = now_us();
		enum ukey_status status = road_send(&r, builder_bytes(&c), &answer);
		const double took = now_us() - begun;
		for (size_t i = 0; status == UKEY_OK && i < answer.len; i++)
			printf("%02X", got[i]);
		if (status == UKEY_OK)
			printf(" %.0f\n", took);
		else
			printf("%s\n", ukey_status_name(status));
		fflush(stdout);
	}
	free(line);
	road_close(&r);
}

int main(int argc, char **argv)
{
	alarm(120); /* nothing may hang */
	if (argc == 3 && strcmp(argv[2], "talk") == 0)
		talk(strcmp(argv[1], "usb") == 0 ? &transport_usb : &transport_pcsc);
	else if (argc == 5 && strcmp(argv[2], "time") == 0 && atoi(argv[3]) > 0 && atoi(argv[4]) > 0)
		measure(argv[1], (size_t)atoi(argv[3]), (size_t)atoi(argv[4]));
	else
		die("usage", "apdu usb|pcsc talk, apdu usb|pcsc|bare|both time LE N");
	return 0;
}
