/* SPDX-License-Identifier: Apache-2.0 */
/* The flash of the emulator: the file's care, the NOR rules of core/hal.h, and losses of power. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "firmware-emu/hal/host.h"

static char folder[] = "/tmp/ukey-test.XXXXXX";
static char path[64];
static char error[256];

static int setup(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/token", folder);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(folder);
}

static struct hal *fresh(void)
{
	static const uint8_t serial[8] = {1, 2, 3, 4, 5, 6, 7, 8};
	struct hal_options o = {.flash = path, .create = true, .size = 16 * 4096, .serial = serial};

	unlink(path);
	struct hal *hal = hal_open(&o, error, sizeof(error));
	assert_non_null(hal);
	return hal;
}

static struct hal *again(void)
{
	return hal_open(&(struct hal_options){.flash = path}, error, sizeof(error));
}

static void assert_refused(const char *why)
{
	struct hal *hal = again();

	if (hal)
		hal_close(hal);
	assert_null(hal);
	if (!strstr(error, why))
		fail_msg("\"%s\" does not say \"%s\"", error, why);
}

static uint8_t byte_at(struct hal *hal, uint32_t at)
{
	uint8_t b = 0;

	assert_true(hal_flash_read(hal, at, &b, 1));
	return b;
}

static void a_new_flash_is_erased_and_its_serial_stays(void **state)
{
	uint8_t serial[8], page[4096];
	struct stat st;
	(void)state;

	struct hal *hal = fresh();
	assert_int_equal(hal_flash_size(hal), 16 * 4096);
	assert_int_equal(hal_flash_sector(hal), 4096);
	for (uint32_t at = 0; at < hal_flash_size(hal); at += sizeof(page)) {
		assert_true(hal_flash_read(hal, at, page, sizeof(page)));
		for (size_t i = 0; i < sizeof(page); i++)
			assert_int_equal(page[i], 0xFF);
	}
	hal_close(hal);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	hal = again();
	assert_non_null(hal);
	hal_serial(hal, serial);
	assert_memory_equal(serial, ((uint8_t[]){1, 2, 3, 4, 5, 6, 7, 8}), 8);
	hal_close(hal);
}

static void two_new_tokens_have_two_serials(void **state)
{
	uint8_t a[8], b[8];
	struct hal_options o = {.flash = path, .create = true, .size = 16 * 4096};
	(void)state;

	unlink(path);
	struct hal *hal = hal_open(&o, error, sizeof(error));
	assert_non_null(hal);
	hal_serial(hal, a);
	hal_close(hal);
	unlink(path);
	hal = hal_open(&o, error, sizeof(error));
	assert_non_null(hal);
	hal_serial(hal, b);
	hal_close(hal);
	assert_memory_not_equal(a, b, 8);
}

static void only_whole_own_private_files_are_opened(void **state)
{
	int fd;
	(void)state;

	struct hal *hal = fresh();
	assert_refused("another ukey-emu");
	hal_close(hal);

	chmod(path, 0640);
	assert_refused("chmod 600");
	chmod(path, 0600);

	assert_int_equal(truncate(path, 20 * 4096), 0);
	assert_refused("its length");

	hal_close(fresh());
	fd = open(path, O_WRONLY);
	assert_int_equal(pwrite(fd, "\x55", 1, 22), 1); /* the serial */
	assert_refused("its header");
	assert_int_equal(pwrite(fd, "X", 1, 0), 1);
	close(fd);
	assert_refused("not a flash file");

	assert_int_equal(truncate(path, 0), 0);
	assert_refused("not a flash file");
	unlink(path);
	assert_refused("--create");
}

static void what_is_asked_of_an_existing_flash_must_be_so(void **state)
{
	static const uint8_t other[8] = {9};
	struct hal_options size = {.flash = path, .create = true, .size = 32 * 4096};
	struct hal_options serial = {.flash = path, .create = true, .serial = other};
	(void)state;

	hal_close(fresh());
	assert_null(hal_open(&size, error, sizeof(error)));
	assert_non_null(strstr(error, "--size"));
	assert_null(hal_open(&serial, error, sizeof(error)));
	assert_non_null(strstr(error, "--serial"));
	unlink(path);
	size.size = 4097 * 16;
	assert_null(hal_open(&size, error, sizeof(error)));
	assert_int_not_equal(access(path, F_OK), 0);
}

static void a_byte_is_programmed_once_between_erases(void **state)
{
	(void)state;
	struct hal *hal = fresh();

	assert_true(hal_flash_write(hal, 4090, BYTES((const uint8_t *)"\xF0\xFF\x0F", 3)));
	assert_false(hal_flash_write(hal, 4090, BYTES((const uint8_t *)"\x00", 1)));
	/* also the one that was programmed as FF, and after a restart */
	assert_false(hal_flash_write(hal, 4091, BYTES((const uint8_t *)"\xFF", 1)));
	hal_close(hal);
	hal = again();
	assert_non_null(hal);
	assert_false(hal_flash_write(hal, 4091, BYTES((const uint8_t *)"\xFF", 1)));
	assert_int_equal(hal_counters(hal).flash_violations, 1);
	assert_true(hal_flash_write(hal, 4093, BYTES((const uint8_t *)"\x01", 1)));
	assert_int_equal(byte_at(hal, 4090), 0xF0);
	assert_true(hal_flash_erase(hal, 0));
	assert_int_equal(byte_at(hal, 4090), 0xFF);
	assert_true(hal_flash_write(hal, 4091, BYTES((const uint8_t *)"\x12", 1)));
	assert_int_equal(byte_at(hal, 4091), 0x12);
	hal_close(hal);
}

static void a_write_stays_inside_and_an_erase_takes_a_whole_sector(void **state)
{
	uint8_t two[2] = {0};
	(void)state;
	struct hal *hal = fresh();

	assert_true(hal_flash_write(hal, 4095, BYTES_OF(two))); /* over a sector's end */
	assert_false(hal_flash_write(hal, 16 * 4096 - 1, BYTES_OF(two)));
	assert_false(hal_flash_write(hal, UINT32_MAX, BYTES_OF(two)));
	assert_false(hal_flash_read(hal, 16 * 4096 - 1, two, 2));
	assert_false(hal_flash_erase(hal, 100));
	assert_false(hal_flash_erase(hal, 16 * 4096));
	assert_true(hal_flash_erase(hal, 0));
	assert_int_equal(byte_at(hal, 4095), 0xFF);
	assert_int_equal(byte_at(hal, 4096), 0x00);
	hal_close(hal);
}

static void operations_are_counted(void **state)
{
	uint8_t five[5] = {0};
	(void)state;
	struct hal *hal = fresh();

	assert_true(hal_flash_write(hal, 0, BYTES_OF(five)));
	assert_true(hal_flash_write(hal, 5, BYTES_OF(five)));
	assert_true(hal_flash_erase(hal, 4096));
	struct hal_counters c = hal_counters(hal);
	assert_int_equal(c.flash_writes, 2);
	assert_int_equal(c.flash_bytes, 10);
	assert_int_equal(c.flash_erases, 1);
	hal_close(hal);
}

/* Write 16 zeros at 0 and 16 more at 16; power goes in the second. Returns how many of the second are there. */
static size_t cut_second_write(enum hal_tear tear, uint64_t seed, uint8_t torn[16])
{
	uint8_t zeros[16] = {0};
	struct hal *hal = fresh();
	volatile bool left = false;

	hal_plan_cut(hal, 2, tear, seed);
	if (setjmp(*hal_power_trap(hal)) == 0) {
		hal_power_trap_arm(hal, true);
		assert_true(hal_flash_write(hal, 0, BYTES_OF(zeros)));
		assert_int_equal(hal_cut_left(hal), 1);
		(void)hal_flash_write(hal, 16, BYTES_OF(zeros));
		fail_msg("power went and the core still runs");
	} else {
		left = true;
	}
	hal_power_trap_arm(hal, false);
	assert_true(left);
	assert_false(hal_powered(hal));
	assert_int_equal(hal_cut_left(hal), 0);
	assert_false(hal_flash_write(hal, 100, BYTES_OF(zeros)));
	assert_false(hal_flash_erase(hal, 0));
	hal_power_up(hal);
	assert_int_equal(byte_at(hal, 15), 0);
	assert_true(hal_flash_read(hal, 16, torn, 16));
	assert_int_equal(byte_at(hal, 32), 0xFF);
	hal_close(hal);
	size_t n = 0;
	while (n < 16 && torn[n] == 0)
		n++;
	return n;
}

static void power_goes_in_the_middle_of_a_write(void **state)
{
	uint8_t torn[16], twin[16];
	bool empty = false, whole = false, between = false;
	(void)state;

	assert_int_equal(cut_second_write(HAL_TEAR_NONE, 1, torn), 0);
	for (size_t i = 0; i < 16; i++)
		assert_int_equal(torn[i], 0xFF);
	for (uint64_t seed = 0; seed < 64; seed++) {
		size_t n = cut_second_write(HAL_TEAR_PREFIX, seed, torn);
		for (size_t i = n; i < 16; i++)
			assert_int_equal(torn[i], 0xFF);
		empty |= n == 0;
		whole |= n == 16;
		between |= n > 0 && n < 16;
	}
	assert_true(empty && whole && between);
	cut_second_write(HAL_TEAR_GARBAGE, 7, torn);
	cut_second_write(HAL_TEAR_GARBAGE, 7, twin);
	assert_memory_equal(torn, twin, 16);
	cut_second_write(HAL_TEAR_GARBAGE, 8, twin);
	assert_memory_not_equal(torn, twin, 16);
}

static void power_goes_in_the_middle_of_an_erase(void **state)
{
	static const enum hal_tear tears[] = {HAL_TEAR_NONE, HAL_TEAR_PREFIX, HAL_TEAR_GARBAGE};
	uint8_t page[4096] = {0};
	(void)state;

	for (size_t t = 0; t < 3; t++) {
		struct hal *hal = fresh();
		bytes_fill(page, 0, sizeof(page));
		assert_true(hal_flash_write(hal, 0, BYTES_OF(page)));
		hal_plan_cut(hal, 1, tears[t], 5);
		assert_false(hal_flash_erase(hal, 0)); /* the trap is not armed */
		hal_power_up(hal);
		assert_true(hal_flash_read(hal, 0, page, sizeof(page)));
		size_t blank = 0, old = 0;
		for (size_t i = 0; i < sizeof(page); i++) {
			blank += page[i] == 0xFF;
			old += page[i] == 0;
		}
		assert_true(t == 0 ? old == 4096 : t == 1 ? blank > 0 && old > 0 && blank + old == 4096 : old < 4096);
		/* whatever it reads as, it must be erased before it is written again */
		assert_false(hal_flash_write(hal, 0, BYTES(page, 1)));
		assert_true(hal_flash_erase(hal, 0));
		assert_true(hal_flash_write(hal, 0, BYTES(page, 1)));
		hal_close(hal);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_flash_is_erased_and_its_serial_stays),
		cmocka_unit_test(two_new_tokens_have_two_serials),
		cmocka_unit_test(only_whole_own_private_files_are_opened),
		cmocka_unit_test(what_is_asked_of_an_existing_flash_must_be_so),
		cmocka_unit_test(a_byte_is_programmed_once_between_erases),
		cmocka_unit_test(a_write_stays_inside_and_an_erase_takes_a_whole_sector),
		cmocka_unit_test(operations_are_counted),
		cmocka_unit_test(power_goes_in_the_middle_of_a_write),
		cmocka_unit_test(power_goes_in_the_middle_of_an_erase),
	};

	return cmocka_run_group_tests_name("emulator's flash", tests, setup, teardown);
}
