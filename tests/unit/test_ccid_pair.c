/* SPDX-License-Identifier: Apache-2.0 */
/* The host's side of CCID and the emulator's USB device, one with the other and no bus in between. */
#include "config.h"

#include "tests/unit/test.h"

#include "driver/transport/ccid.h"
#include "firmware-emu/link/usb_device.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

static const struct ccid_endpoint endpoints[] = {
	{USB_BULK_OUT,     2, USB_PACKET},
	{USB_BULK_IN,      2, USB_PACKET},
	{USB_INTERRUPT_IN, 3, 8         },
};

static struct ccid_slot slot;
static uint8_t got[CCID_SLOT_ANSWER_MAX];
static struct builder answer;

static enum ukey_status command(void)
{
	static const uint8_t apdu[] = {0x00, 0x84, 0x00, 0x00, 0x08};

	answer = builder_of(got, sizeof got);
	return ccid_slot_transceive(&slot, BYTES_OF(apdu), &answer);
}

/*
 * The test's time. Only waiting for an answer moves it, by so much in a real millisecond, and only where the waiter
 * runs: a machine that is busy elsewhere takes nothing of anybody's patience.
 */
#define HASTE 20
static atomic_uint_fast64_t now_ms = 1000000;

struct rig {
	struct usb_device *device;
	pthread_t thread;
	uint8_t command[70000], answer[70000];
	size_t command_len, answer_len;
	unsigned work_ms;          /* the test's */
	atomic_bool at_work, held; /* held: it works until it is not */
	unsigned resets;
};

static struct rig rig;

static uint64_t time_now(void *ctx)
{
	(void)ctx;
	return now_ms;
}

static void a_moment(void)
{
	nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

static void token_reset(void *self)
{
	((struct rig *)self)->resets++;
}

static struct bytes token_atr(void *self)
{
	static const uint8_t atr[] = {0x3B, 0x80, 0x80, 0x01, 0x01};

	(void)self;
	return BYTES_OF(atr);
}

static bool token_transceive(void *self, struct bytes command_bytes, struct bytes *out)
{
	struct rig *r = self;
	const uint64_t end = now_ms + r->work_ms;

	r->at_work = true;
	while (now_ms < end || r->held)
		a_moment();
	memcpy(r->command, command_bytes.data, command_bytes.len);
	r->command_len = command_bytes.len;
	*out = BYTES(r->answer, r->answer_len);
	return true;
}

static enum ccid_io io_of(enum usb_outcome outcome)
{
	return outcome == USB_DONE ? CCID_IO_OK : outcome == USB_STALLED ? CCID_IO_STALLED : CCID_IO_TIMEOUT;
}

static enum ccid_io rig_control(void *ctx, uint8_t request, uint16_t value, unsigned ms)
{
	struct usb_setup s = {.request_type = 0x21, .request = request, .value = value};
	struct builder none = builder_of(NULL, 0);

	(void)ms;
	return io_of(usb_control(((struct rig *)ctx)->device, &s, BYTES_NONE, &none));
}

static enum ccid_io rig_out(void *ctx, struct bytes data, unsigned ms)
{
	(void)ms;
	return io_of(usb_out(((struct rig *)ctx)->device, USB_BULK_OUT, data));
}

static enum ccid_io rig_in(void *ctx, uint8_t *to, size_t room, size_t *len, unsigned ms)
{
	struct rig *r = ctx;
	const uint64_t end = now_ms + ms;
	struct builder b = builder_of(to, room);
	enum usb_outcome outcome;

	do {
		usb_tick(r->device, now_ms);
		outcome = usb_in(r->device, USB_BULK_IN, &b);
		if (outcome == USB_NOTHING) {
			a_moment();
			now_ms += HASTE;
		}
	} while (outcome == USB_NOTHING && now_ms < end);
	*len = b.len;
	return io_of(outcome);
}

static enum ccid_io rig_clear(void *ctx, enum ccid_pipe pipe)
{
	struct usb_setup s = {.request_type = 0x02,
		.request = 1,
		.index = pipe == CCID_PIPE_OUT  ? USB_BULK_OUT
			 : pipe == CCID_PIPE_IN ? USB_BULK_IN
						: USB_INTERRUPT_IN};
	struct builder none = builder_of(NULL, 0);

	return io_of(usb_control(((struct rig *)ctx)->device, &s, BYTES_NONE, &none));
}

static const struct ccid_pipes rig_pipes = {
	.ctx = &rig,
	.control = rig_control,
	.bulk_out = rig_out,
	.bulk_in = rig_in,
	.clear_halt = rig_clear,
	.now = time_now,
};

static void *work(void *arg)
{
	usb_work(arg);
	return NULL;
}

static void configure(void)
{
	struct usb_setup s = {.request_type = 0x00, .request = 9, .value = 1};
	struct builder none = builder_of(NULL, 0);

	usb_attach(rig.device);
	assert_int_equal(usb_control(rig.device, &s, BYTES_NONE, &none), USB_DONE);
}

static void start_slot(void)
{
	static uint8_t raw[USB_CONFIG_SIZE];
	struct builder b = builder_of(raw, sizeof raw);
	struct ccid_description is;
	const char *why;

	usb_config_descriptor(rig.device, &b);
	/* After the configuration's and the interface's descriptors. */
	assert_int_equal(
		ccid_describe(BYTES(raw + 18, sizeof raw - 18), endpoints, COUNT(endpoints), &is, &why), UKEY_OK);
	assert_int_equal(ccid_slot_start(&slot, &rig_pipes, &is), UKEY_OK);
}

static void rig_up(size_t message_max)
{
	struct usb_options o = {
		.vendor = USB_DEFAULT_VENDOR,
		.product = USB_DEFAULT_PRODUCT,
		.message_max = message_max,
		.token = {.self = &rig, .reset = token_reset, .transceive = token_transceive, .atr = token_atr}
        };

	memset(&rig, 0, sizeof rig);
	rig.device = usb_device_new(&o);
	assert_non_null(rig.device);
	rig.answer[0] = 0x90;
	rig.answer_len = 2;
	assert_int_equal(pthread_create(&rig.thread, NULL, work, rig.device), 0);
	configure();
	start_slot();
}

static void rig_down(void)
{
	usb_stop(rig.device);
	pthread_join(rig.thread, NULL);
	usb_device_free(rig.device);
}

static void a_long_conversation(size_t message_max)
{
	static uint8_t big[40009];

	rig_up(message_max);
	assert_int_equal(ccid_slot_power_on(&slot), UKEY_OK);
	assert_int_equal(rig.resets, 1);
	for (size_t i = 0; i < sizeof big; i++)
		big[i] = (uint8_t)(i * 7);
	for (size_t i = 0; i < 32770; i++)
		rig.answer[i] = (uint8_t)(i * 13);
	rig.answer_len = 32770;
	answer = builder_of(got, sizeof got);
	assert_int_equal(ccid_slot_transceive(&slot, BYTES_OF(big), &answer), UKEY_OK);
	assert_int_equal(rig.command_len, sizeof big);
	assert_memory_equal(rig.command, big, sizeof big);
	assert_int_equal(answer.len, 32770);
	assert_memory_equal(got, rig.answer, 32770);
	/* Each length around the packet's: no answer waits for a time-out. */
	for (size_t n = 2; n < 200; n++) {
		uint64_t before = now_ms;
		rig.answer_len = n;
		answer = builder_of(got, sizeof got);
		assert_int_equal(ccid_slot_transceive(&slot, BYTES(big, n), &answer), UKEY_OK);
		assert_int_equal(answer.len, n);
		assert_true(now_ms - before < CCID_SLOT_ANSWER_MS);
	}
	rig_down();
}

static void the_honest_device(void **state)
{
	(void)state;
	a_long_conversation(0);
	a_long_conversation(CCID_MESSAGE_LEAST);
	a_long_conversation(1000);
}

static void the_honest_device_works_long(void **state)
{
	(void)state;
	rig_up(0);
	assert_int_equal(ccid_slot_power_on(&slot), UKEY_OK);
	rig.work_ms = 15000; /* longer than silence is borne */
	assert_int_equal(command(), UKEY_OK);
	rig_down();
}

static void the_honest_device_loses_its_card(void **state)
{
	(void)state;
	rig_up(0);
	assert_int_equal(ccid_slot_power_on(&slot), UKEY_OK);
	usb_card(rig.device, false);
	assert_int_equal(command(), UKEY_TOKEN_REMOVED);
	assert_int_equal(ccid_slot_power_on(&slot), UKEY_TOKEN_REMOVED);
	usb_card(rig.device, true);
	assert_int_equal(command(), UKEY_TOKEN_RESET);
	assert_int_equal(ccid_slot_power_on(&slot), UKEY_OK);
	assert_int_equal(command(), UKEY_OK);
	/* a reset of the bus */
	configure();
	assert_int_equal(command(), UKEY_TOKEN_RESET);
	assert_int_equal(ccid_slot_power_on(&slot), UKEY_OK);
	assert_int_equal(command(), UKEY_OK);
	rig_down();
}

/* A program was killed while a key was made; the next one comes. */
static void the_honest_device_is_found_at_work(void **state)
{
	static const uint8_t xfr[] = {0x6F, 2, 0, 0, 0, 0, 0x42, 0, 0, 0, 0x00, 0x47};

	(void)state;
	rig_up(0);
	assert_int_equal(ccid_slot_power_on(&slot), UKEY_OK);
	rig.held = true;
	assert_int_equal(usb_out(rig.device, USB_BULK_OUT, BYTES_OF(xfr)), USB_DONE);
	while (!rig.at_work)
		a_moment();
	start_slot();
	assert_int_equal(ccid_slot_power_on(&slot), UKEY_TOKEN_BUSY);
	rig.held = false;
	enum ukey_status status = UKEY_TOKEN_BUSY;
	for (int i = 0; i < 100 && status == UKEY_TOKEN_BUSY; i++)
		status = ccid_slot_power_on(&slot);
	assert_int_equal(status, UKEY_OK);
	assert_int_equal(command(), UKEY_OK);
	rig_down();
}

static void the_honest_device_stalls(void **state)
{
	struct usb_setup halt = {.request_type = 0x02, .request = 3};
	struct builder none = builder_of(NULL, 0);

	(void)state;
	rig_up(0);
	assert_int_equal(ccid_slot_power_on(&slot), UKEY_OK);
	halt.index = USB_BULK_OUT;
	assert_int_equal(usb_control(rig.device, &halt, BYTES_NONE, &none), USB_DONE);
	assert_int_equal(command(), UKEY_OK);
	halt.index = USB_BULK_IN;
	assert_int_equal(usb_control(rig.device, &halt, BYTES_NONE, &none), USB_DONE);
	assert_int_equal(command(), UKEY_OK);
	rig_down();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_honest_device),
		cmocka_unit_test(the_honest_device_works_long),
		cmocka_unit_test(the_honest_device_loses_its_card),
		cmocka_unit_test(the_honest_device_is_found_at_work),
		cmocka_unit_test(the_honest_device_stalls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
