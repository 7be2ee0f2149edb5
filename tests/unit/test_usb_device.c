/* SPDX-License-Identifier: Apache-2.0 */
/* The USB device without a bus: descriptors, endpoint 0, and the CCID class message by message. */
#include "tests/unit/test.h"

#include "firmware-emu/link/usb_device.h"

#include <pthread.h>
#include <string.h>

/* ---- the CCID class alone: a chip that the test plays ---- */

static struct ccid ccid;

static int start(void **state)
{
	(void)state;
	ccid_start(&ccid, CCID_MESSAGE_MAX, true);
	return 0;
}

static void send_message(uint8_t type, uint8_t slot, uint8_t seq, uint32_t byte789, struct bytes data)
{
	static uint8_t raw[CCID_MESSAGE_MAX + 64];
	struct builder b = builder_of(raw, sizeof raw);

	builder_u8(&b, type);
	for (unsigned i = 0; i < 4; i++)
		builder_u8(&b, (uint8_t)(data.len >> (8 * i)));
	builder_u8(&b, slot);
	builder_u8(&b, seq);
	builder_u8(&b, (uint8_t)byte789);
	builder_u8(&b, (uint8_t)(byte789 >> 8));
	builder_u8(&b, (uint8_t)(byte789 >> 16));
	builder_put(&b, data);
	ccid_out(&ccid, builder_bytes(&b), b.len % USB_PACKET != 0, 0);
}

static struct bytes fetch(void)
{
	static uint8_t raw[CCID_MESSAGE_MAX];
	struct builder b = builder_of(raw, sizeof raw);

	return ccid_in(&ccid, &b) ? builder_bytes(&b) : BYTES_NONE;
}

/* The next answer: its kind, its number, bStatus and bError. */
static struct bytes expect(uint8_t type, uint8_t seq, uint8_t status, uint8_t error)
{
	struct bytes m = fetch();

	assert_true(m.len >= CCID_HEADER_SIZE);
	assert_int_equal(m.data[0], type);
	assert_int_equal(m.data[1] | m.data[2] << 8 | m.data[3] << 16, m.len - CCID_HEADER_SIZE);
	assert_int_equal(m.data[6], seq);
	assert_int_equal(m.data[7], status);
	assert_int_equal(m.data[8], error);
	return m;
}

static const uint8_t atr[] = {0x3B, 0x80, 0x80, 0x01, 0x01};

static void power(uint8_t seq)
{
	struct bytes command;

	send_message(CCID_POWER_ON, 0, seq, 0, BYTES_NONE);
	assert_int_equal(ccid_take_job(&ccid, &command), CCID_DO_POWER_ON);
	ccid_done(&ccid, true, BYTES_OF(atr));
	struct bytes m = expect(CCID_DATA_BLOCK, seq, 0, 0);
	assert_memory_equal(m.data + CCID_HEADER_SIZE, atr, sizeof atr);
}

#define LEVEL(n) ((uint32_t)(n) << 8)

static void a_command_and_its_answer(void **state)
{
	static const uint8_t apdu[] = {0, 0x84, 0, 0, 8}, answer[] = {1, 2, 3, 0x90, 0};
	struct bytes command;

	(void)state;
	send_message(CCID_GET_SLOT_STATUS, 0, 0, 0, BYTES_NONE);
	expect(CCID_SLOT_STATUS, 0, 1, 0); /* present, inactive */
	send_message(CCID_XFR_BLOCK, 0, 1, 0, BYTES_OF(apdu));
	expect(CCID_DATA_BLOCK, 1, 0x41, CCID_MUTE); /* without power */
	power(2);
	send_message(CCID_XFR_BLOCK, 0, 3, 0, BYTES_OF(apdu));
	assert_int_equal(ccid_take_job(&ccid, &command), CCID_DO_TRANSCEIVE);
	assert_true(bytes_equal(command, BYTES_OF(apdu)));
	assert_false(ccid_ready(&ccid));
	ccid_done(&ccid, true, BYTES_OF(answer));
	struct bytes m = expect(CCID_DATA_BLOCK, 3, 0, 0);
	assert_int_equal(m.data[9], 0);
	assert_true(bytes_equal(BYTES(m.data + CCID_HEADER_SIZE, m.len - CCID_HEADER_SIZE), BYTES_OF(answer)));
	send_message(CCID_POWER_OFF, 0, 4, 0, BYTES_NONE);
	expect(CCID_SLOT_STATUS, 4, 1, 0);
}

/* 40,009 bytes in pieces, and 32,770 bytes back in pieces. */
static void chains_both_ways(void **state)
{
	static uint8_t big[40009], back[32770], got[sizeof back];
	const size_t piece = CCID_MESSAGE_LEAST - CCID_HEADER_SIZE;
	struct bytes command;
	uint8_t seq = 1;
	size_t n = 0;

	(void)state;
	ccid_start(&ccid, CCID_MESSAGE_LEAST, true);
	power(0);
	for (size_t i = 0; i < sizeof big; i++)
		big[i] = (uint8_t)(i * 7);
	for (size_t at = 0; at < sizeof big; at += piece, seq++) {
		size_t left = sizeof big - at, len = left < piece ? left : piece;
		unsigned level = at == 0 ? 1 : left <= piece ? 2 : 3;
		send_message(CCID_XFR_BLOCK, 0, seq, LEVEL(level), BYTES(big + at, len));
		if (level != 2)
			assert_int_equal(expect(CCID_DATA_BLOCK, seq, 0, 0).data[9], 0x10);
	}
	assert_int_equal(ccid_take_job(&ccid, &command), CCID_DO_TRANSCEIVE);
	assert_true(bytes_equal(command, BYTES_OF(big)));
	memcpy(back, big, sizeof back);
	ccid_done(&ccid, true, BYTES_OF(back));
	seq--;
	for (;;) {
		struct bytes m = expect(CCID_DATA_BLOCK, seq, 0, 0);
		memcpy(got + n, m.data + CCID_HEADER_SIZE, m.len - CCID_HEADER_SIZE);
		assert_int_equal(m.data[9], n == 0 ? 1 : n + m.len - CCID_HEADER_SIZE == sizeof back ? 2 : 3);
		n += m.len - CCID_HEADER_SIZE;
		if (n == sizeof back)
			break;
		send_message(CCID_XFR_BLOCK, 0, ++seq, LEVEL(0x10), BYTES_NONE);
	}
	assert_memory_equal(got, back, sizeof back);
	send_message(CCID_XFR_BLOCK, 0, 9, LEVEL(0x10), BYTES_NONE);
	expect(CCID_DATA_BLOCK, 9, 0x40, CCID_BAD_LEVEL); /* nothing is left */
}

static void time_extensions_while_the_chip_works(void **state)
{
	static const uint8_t apdu[] = {0, 0x47, 0, 0}, answer[] = {0x90, 0};
	struct bytes command;

	(void)state;
	power(0);
	assert_int_equal(ccid_tick(&ccid, 0), 0);
	send_message(CCID_XFR_BLOCK, 0, 1, 0, BYTES_OF(apdu));
	ccid_take_job(&ccid, &command);
	assert_int_equal(ccid_tick(&ccid, 100), CCID_EXTENSION_MS - 100);
	assert_false(ccid_ready(&ccid));
	for (uint64_t now = CCID_EXTENSION_MS; now < 10 * CCID_EXTENSION_MS; now += CCID_EXTENSION_MS) {
		assert_int_equal(ccid_tick(&ccid, now), CCID_EXTENSION_MS);
		expect(CCID_DATA_BLOCK, 1, 0x80, 1);
		assert_false(ccid_ready(&ccid));
	}
	/* A host that does not fetch is not flooded. */
	for (uint64_t now = 20; now < 30; now++)
		ccid_tick(&ccid, now * CCID_EXTENSION_MS);
	/* While it works nothing else is done. */
	send_message(CCID_XFR_BLOCK, 0, 2, 0, BYTES_OF(apdu));
	expect(CCID_DATA_BLOCK, 1, 0x80, 1);
	expect(CCID_DATA_BLOCK, 2, 0x40, CCID_SLOT_BUSY);
	ccid_done(&ccid, true, BYTES_OF(answer));
	expect(CCID_DATA_BLOCK, 1, 0, 0);
	assert_false(ccid_ready(&ccid));
}

static void an_abort_in_both_orders(void **state)
{
	static const uint8_t apdu[] = {0, 0x47, 0, 0}, answer[] = {0x90, 0};
	struct bytes command;

	(void)state;
	power(0);
	for (unsigned order = 0; order < 2; order++) {
		send_message(CCID_XFR_BLOCK, 0, 5, 0, BYTES_OF(apdu));
		ccid_take_job(&ccid, &command);
		if (order == 0)
			assert_true(ccid_control_abort(&ccid, 0, 6));
		send_message(CCID_ABORT, 0, 6, 0, BYTES_NONE);
		if (order == 1)
			assert_true(ccid_control_abort(&ccid, 0, 6));
		assert_false(ccid_ready(&ccid));
		ccid_done(&ccid, true, BYTES_OF(answer)); /* the answer goes nowhere */
		expect(CCID_SLOT_STATUS, 6, 0, 0);
		assert_false(ccid_ready(&ccid));
	}
	/* Between the halves everything else is refused; another number is no other half. */
	assert_true(ccid_control_abort(&ccid, 0, 7));
	send_message(CCID_GET_SLOT_STATUS, 0, 8, 0, BYTES_NONE);
	expect(CCID_SLOT_STATUS, 8, 0x40, CCID_ABORTED);
	send_message(CCID_ABORT, 0, 9, 0, BYTES_NONE);
	expect(CCID_SLOT_STATUS, 9, 0x40, CCID_ABORTED);
	send_message(CCID_ABORT, 0, 7, 0, BYTES_NONE);
	expect(CCID_SLOT_STATUS, 7, 0, 0);
	assert_false(ccid_control_abort(&ccid, 1, 7));
}

/* What a host may do wrong, and the answer. */
static void refuses(void **state)
{
	static const uint8_t apdu[] = {0, 0x84, 0, 0}, five[5];
	static const struct {
		const char *what;
		uint8_t type, slot;
		uint32_t byte789;
		struct bytes data;
		uint8_t answer, status, error;
	} cases[] = {
		{"another slot",           CCID_GET_SLOT_STATUS, 1, 0,            BYTES_NONE,     CCID_SLOT_STATUS,   0x42, CCID_BAD_SLOT   },
		{"a voltage that is none", CCID_POWER_ON,        0, 4,            BYTES_NONE,     CCID_DATA_BLOCK,    0x40, CCID_BAD_BYTE_7 },
		{"the middle first",       CCID_XFR_BLOCK,       0, LEVEL(3),     BYTES_OF(apdu), CCID_DATA_BLOCK,    0x40,
                 CCID_BAD_LEVEL													     },
		{"the end first",          CCID_XFR_BLOCK,       0, LEVEL(2),     BYTES_OF(apdu), CCID_DATA_BLOCK,    0x40, CCID_BAD_LEVEL  },
		{"a level that is none",   CCID_XFR_BLOCK,       0, LEVEL(4),     BYTES_OF(apdu), CCID_DATA_BLOCK,    0x40,
                 CCID_BAD_LEVEL													     },
		{"a level above a byte",   CCID_XFR_BLOCK,       0, LEVEL(0x100), BYTES_OF(apdu), CCID_DATA_BLOCK,    0x40,
                 CCID_BAD_LEVEL													     },
		{"an empty command",       CCID_XFR_BLOCK,       0, 0,            BYTES_NONE,     CCID_DATA_BLOCK,    0x40, CCID_BAD_LENGTH },
		{"T=0",                    CCID_SET_PARAMETERS,  0, 0,            BYTES_OF(five), CCID_PARAMETERS,    0x40, CCID_BAD_BYTE_7 },
		{"T=1 of T=0's length",    CCID_SET_PARAMETERS,  0, 1,            BYTES_OF(five), CCID_PARAMETERS,    0x40,
                 CCID_BAD_LENGTH													    },
		{"an escape",              CCID_ESCAPE,          0, 0,            BYTES_OF(five), CCID_ESCAPE_ANSWER, 0x40, CCID_UNSUPPORTED},
		{"a PIN pad",              CCID_SECURE,          0, 0,            BYTES_OF(five), CCID_DATA_BLOCK,    0x40, CCID_UNSUPPORTED},
		{"a message of no kind",   0x55,                 0, 0,            BYTES_NONE,     CCID_SLOT_STATUS,   0x40, CCID_UNSUPPORTED},
	};

	(void)state;
	power(0);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		send_message(cases[i].type, cases[i].slot, (uint8_t)i, cases[i].byte789, cases[i].data);
		expect(cases[i].answer, (uint8_t)i, cases[i].status, cases[i].error);
		assert_false(ccid_ready(&ccid));
		assert_int_equal(ccid.job, CCID_IDLE);
	}
	/* And the next command works. */
	power(0xF0);
}

static void finds_its_way_back_after_lies_about_lengths(void **state)
{
	uint8_t header[CCID_HEADER_SIZE] = {CCID_XFR_BLOCK, 0xFF, 0xFF, 0xFF, 0x7F, 0, 9, 0, 0, 0}, rest[200] = {0};

	(void)state;
	power(0);
	/* Longer than any message, all at once and byte by byte; a short packet ends it. */
	ccid_out(&ccid, BYTES_OF(header), false, 0);
	expect(CCID_SLOT_STATUS, 9, 0x40, CCID_BAD_LENGTH);
	ccid_out(&ccid, BYTES_OF(rest), true, 0);
	fetch();
	for (size_t i = 0; i < sizeof header; i++)
		ccid_out(&ccid, BYTES(header + i, 1), false, 0);
	expect(CCID_SLOT_STATUS, 9, 0x40, CCID_BAD_LENGTH);
	ccid_out(&ccid, BYTES_NONE, true, 0);
	fetch();
	power(1);
	/* A message that ends before it is whole, in its data and in its header. */
	header[1] = 100, header[2] = header[3] = header[4] = 0;
	ccid_out(&ccid, BYTES_OF(header), true, 0);
	expect(CCID_SLOT_STATUS, 9, 0x40, CCID_BAD_LENGTH);
	ccid_out(&ccid, BYTES(header, 4), true, 0);
	assert_false(ccid_ready(&ccid));
	power(2);
	/* Ten answers that nobody fetches: what is over is lost, and nothing else. */
	for (uint8_t i = 0; i < 30; i++)
		send_message(CCID_GET_SLOT_STATUS, 0, i, 0, BYTES_NONE);
	for (uint8_t i = 0; i < CCID_QUEUE; i++)
		expect(CCID_SLOT_STATUS, i, 0, 0);
	assert_false(ccid_ready(&ccid));
	power(3);
}

static void tells_of_the_chip_coming_and_going(void **state)
{
	uint8_t raw[8];
	struct builder b = builder_of(raw, sizeof raw);

	(void)state;
	assert_true(ccid_interrupt(&ccid, &b)); /* once after the start */
	assert_memory_equal(raw, ((uint8_t[]){0x50, 3}), 2);
	assert_false(ccid_interrupt(&ccid, &b));
	power(0);
	ccid_set_present(&ccid, false);
	b.len = 0;
	assert_true(ccid_interrupt(&ccid, &b));
	assert_memory_equal(raw, ((uint8_t[]){0x50, 2}), 2);
	send_message(CCID_GET_SLOT_STATUS, 0, 1, 0, BYTES_NONE);
	expect(CCID_SLOT_STATUS, 1, 2, 0);
	send_message(CCID_POWER_ON, 0, 2, 0, BYTES_NONE);
	expect(CCID_DATA_BLOCK, 2, 0x42, CCID_MUTE);
	ccid_set_present(&ccid, true);
	power(3);
}

/* ---- the device ---- */

static unsigned resets;

static void token_reset(void *self)
{
	(void)self;
	resets++;
}

static bool token_transceive(void *self, struct bytes command, struct bytes *answer)
{
	static const uint8_t ok[] = {0x90, 0};

	(void)self;
	*answer = BYTES_OF(ok);
	return command.data[0] != 0xFF; /* a command that pulls the plug */
}

static struct bytes token_atr(void *self)
{
	(void)self;
	return BYTES_OF(atr);
}

static int device(void **state)
{
	const struct usb_options o = {
		.vendor = 0x1209,
		.product = 0x0001,
		.serial = "0123456789ABCDEF",
		.token = {.reset = token_reset, .transceive = token_transceive, .atr = token_atr},
	};
	struct usb_device *d = usb_device_new(&o);

	usb_attach(d);
	*state = d;
	return d ? 0 : -1;
}

static int no_device(void **state)
{
	usb_device_free(*state);
	return 0;
}

static struct bytes control(
	struct usb_device *d, uint8_t type, uint8_t request, uint16_t value, uint16_t index, uint16_t length)
{
	static uint8_t raw[USB_CONTROL_MAX];
	struct builder in = builder_of(raw, sizeof raw);
	const struct usb_setup s = {type, request, value, index, length};

	/* NULL says stalled; done without data is not NULL. */
	return usb_control(d, &s, BYTES_NONE, &in) == USB_DONE ? BYTES(raw, in.len) : BYTES_NONE;
}

static void describes_itself(void **state)
{
	struct usb_device *d = *state;
	struct bytes b = control(d, 0x80, 6, 0x0100, 0, 18);

	assert_int_equal(b.len, 18);
	assert_memory_equal(b.data + 8, ((uint8_t[]){0x09, 0x12, 0x01, 0x00}), 4);
	assert_int_equal(control(d, 0x80, 6, 0x0200, 0, 9).len, 9);
	b = control(d, 0x80, 6, 0x0200, 0, 255);
	assert_int_equal(b.len, USB_CONFIG_SIZE);
	assert_int_equal(b.data[2] | b.data[3] << 8, b.len);
	/* The whole is its parts, each as long as it says. */
	size_t at = 0, parts = 0;
	for (; at < b.len; at += b.data[at], parts++)
		assert_true(b.data[at] >= 2);
	assert_int_equal(at, b.len);
	assert_int_equal(parts, 6);
	const uint8_t *c = b.data + 18; /* CCID's */
	assert_int_equal(c[0], 54);
	assert_int_equal(c[1], 0x21);
	assert_int_equal(c[44] | c[45] << 8 | c[46] << 16, CCID_MESSAGE_MAX);
	assert_int_equal(c[53], 1);
	b = control(d, 0x80, 6, 0x0303, 0x0409, 255);
	assert_int_equal(b.len, 2 + 32);
	assert_int_equal(b.data[2], '0');
	assert_null(control(d, 0x80, 6, 0x0304, 0x0409, 255).data);
	assert_null(control(d, 0x80, 6, 0x0600, 0, 10).data); /* device qualifier */
	assert_null(control(d, 0x80, 6, 0x0F00, 0, 5).data);  /* BOS */
	assert_null(control(d, 0xC0, 6, 0x0100, 0, 18).data); /* vendor request */
}

static void configures_and_halts(void **state)
{
	struct usb_device *d = *state;
	uint8_t raw[16];
	struct builder b = builder_of(raw, sizeof raw);

	assert_int_equal(usb_in(d, USB_INTERRUPT_IN, &b), USB_STALLED); /* not configured */
	assert_null(control(d, 0x00, 9, 2, 0, 0).data);
	assert_non_null(control(d, 0x00, 9, 1, 0, 0).data);
	assert_int_equal(control(d, 0x80, 8, 0, 0, 1).data[0], 1);
	assert_int_equal(usb_in(d, USB_INTERRUPT_IN, &b), USB_DONE);
	assert_int_equal(usb_in(d, USB_INTERRUPT_IN, &b), USB_NOTHING);
	assert_non_null(control(d, 0x02, 3, 0, USB_BULK_IN, 0).data);
	assert_int_equal(control(d, 0x82, 0, 0, USB_BULK_IN, 2).data[0], 1);
	assert_int_equal(usb_in(d, USB_BULK_IN, &b), USB_STALLED);
	assert_non_null(control(d, 0x02, 1, 0, USB_BULK_IN, 0).data);
	assert_int_equal(usb_in(d, USB_BULK_IN, &b), USB_NOTHING);
	assert_null(control(d, 0x02, 1, 0, 0x05, 0).data);
	assert_int_equal(usb_in(d, 0x84, &b), USB_STALLED);
	assert_int_equal(usb_out(d, 0x02, BYTES_NONE), USB_STALLED);
	assert_null(control(d, 0x21, 1, 0x0001, 0, 0).data); /* abort in a slot that is not */
	assert_non_null(control(d, 0x21, 1, 0x0500, 0, 0).data);
	assert_null(control(d, 0xA1, 2, 0, 0, 4).data); /* clock frequencies: none are announced */
	usb_detach(d);
	assert_null(control(d, 0x80, 8, 0, 0, 1).data);
}

static void *worker(void *arg)
{
	return usb_work(arg) ? arg : NULL;
}

static size_t wait_in(struct usb_device *d, uint8_t *to, size_t cap)
{
	struct builder b = builder_of(to, cap);

	while (usb_in(d, USB_BULK_IN, &b) == USB_NOTHING)
		sched_yield();
	return b.len;
}

static void works_in_its_own_thread(void **state)
{
	struct usb_device *d = *state;
	static const uint8_t on[] = {0x62, 0, 0, 0, 0, 0, 1, 0, 0, 0};
	static const uint8_t apdu[] = {0x6F, 4, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0x84, 0, 0};
	static const uint8_t pull[] = {0x6F, 4, 0, 0, 0, 0, 3, 0, 0, 0, 0xFF, 0x84, 0, 0};
	uint8_t raw[64];
	pthread_t thread;
	void *alive;

	resets = 0;
	control(d, 0x00, 9, 1, 0, 0);
	assert_int_equal(pthread_create(&thread, NULL, worker, d), 0);
	usb_out(d, USB_BULK_OUT, BYTES_OF(on));
	assert_int_equal(wait_in(d, raw, 4), 4); /* in pieces as small as the host likes */
	assert_int_equal(wait_in(d, raw + 4, sizeof raw - 4), CCID_HEADER_SIZE + sizeof atr - 4);
	assert_memory_equal(raw + CCID_HEADER_SIZE, atr, sizeof atr);
	assert_int_equal(resets, 1);
	usb_out(d, USB_BULK_OUT, BYTES_OF(apdu));
	assert_int_equal(wait_in(d, raw, sizeof raw), CCID_HEADER_SIZE + 2);
	usb_out(d, USB_BULK_OUT, BYTES_OF(pull));
	assert_int_equal(pthread_join(thread, &alive), 0);
	assert_null(alive);
	assert_int_equal(wait_in(d, raw, sizeof raw), CCID_HEADER_SIZE);
	assert_int_equal(raw[8], CCID_MUTE);
	assert_int_equal(pthread_create(&thread, NULL, worker, d), 0);
	usb_stop(d);
	assert_int_equal(pthread_join(thread, &alive), 0);
	assert_non_null(alive);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_command_and_its_answer, start),
		cmocka_unit_test_setup(chains_both_ways, start),
		cmocka_unit_test_setup(time_extensions_while_the_chip_works, start),
		cmocka_unit_test_setup(an_abort_in_both_orders, start),
		cmocka_unit_test_setup(refuses, start),
		cmocka_unit_test_setup(finds_its_way_back_after_lies_about_lengths, start),
		cmocka_unit_test_setup(tells_of_the_chip_coming_and_going, start),
		cmocka_unit_test_setup_teardown(describes_itself, device, no_device),
		cmocka_unit_test_setup_teardown(configures_and_halts, device, no_device),
		cmocka_unit_test_setup_teardown(works_in_its_own_thread, device, no_device),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
