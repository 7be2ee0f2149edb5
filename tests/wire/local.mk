# SPDX-License-Identifier: Apache-2.0
include tests/wire/p11.mk
# Golden transcripts and access rules, against the firmware core in the test's own process.
noinst_LTLIBRARIES += libwire.la
libwire_la_SOURCES = tests/wire/wire.c tests/wire/wire.h
libwire_la_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
wire_ldadd = libwire.la $(ramtoken_ldadd) $(CMOCKA_LIBS)

WIRE_TESTS += \
	tests/wire/test_access \
	tests/wire/test_attest \
	tests/wire/test_chaining \
	tests/wire/test_channel_pins \
	tests/wire/test_channels \
	tests/wire/test_directory \
	tests/wire/test_factory \
	tests/wire/test_full \
	tests/wire/test_golden \
	tests/wire/test_import \
	tests/wire/test_messaging \
	tests/wire/test_pin \
	tests/wire/test_pin_past \
	tests/wire/test_piv tests/wire/test_piv_apart tests/wire/test_piv_import tests/wire/test_piv_key \
	tests/wire/test_piv_misuse tests/wire/test_piv_tables \
	tests/wire/test_traces \
	tests/wire/test_unlock tests/wire/test_unlock_limits
noinst_LTLIBRARIES += libwirepiv.la
libwirepiv_la_SOURCES = tests/wire/piv.c tests/wire/piv.h tests/wire/piv_card.c tests/wire/piv_card.h \
	tests/wire/piv_clock.c tests/wire/piv_clock.h
# For PIV cards behind the driver: the clock stands still. (-u: its file comes from the library though nobody before the
# driver asks for it.)
piv_clock_ldflags = -Wl,--wrap=clock_ms -Wl,-u,__wrap_clock_ms
libwirepiv_la_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(CRYPTO_CFLAGS)
tests_wire_test_piv_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_wire_test_piv_LDADD = libwirepiv.la $(wire_ldadd)
tests_wire_test_piv_apart_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_wire_test_piv_apart_LDADD = libwirepiv.la $(wire_ldadd)
tests_wire_test_piv_import_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(CRYPTO_CFLAGS)
tests_wire_test_piv_import_LDADD = libwirepiv.la $(wire_ldadd) $(CRYPTO_LIBS)
tests_wire_test_piv_misuse_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_wire_test_piv_misuse_LDADD = libwirepiv.la $(wire_ldadd)
tests_wire_test_piv_tables_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_wire_test_piv_tables_LDADD = libwirepiv.la $(wire_ldadd)
tests_wire_test_piv_key_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_wire_test_piv_key_LDADD = libwirepiv.la $(wire_ldadd)
tests_wire_test_access_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_wire_test_access_LDADD = $(wire_ldadd)
tests_wire_test_attest_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(CRYPTO_CFLAGS)
tests_wire_test_attest_LDADD = $(wire_ldadd) $(CRYPTO_LIBS)
tests_wire_test_chaining_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_wire_test_chaining_LDADD = $(wire_ldadd)
tests_wire_test_channel_pins_SOURCES = tests/wire/test_channel_pins.c tests/wire/session_bench.h
tests_wire_test_channel_pins_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_wire_test_channel_pins_LDADD = $(wire_ldadd)
tests_wire_test_channels_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_wire_test_channels_LDADD = $(wire_ldadd)
tests_wire_test_directory_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(CRYPTO_CFLAGS)
tests_wire_test_directory_LDADD = $(wire_ldadd)
tests_wire_test_factory_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_wire_test_factory_LDADD = $(wire_ldadd)
tests_wire_test_full_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_wire_test_full_LDADD = $(wire_ldadd)
tests_wire_test_import_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(CRYPTO_CFLAGS)
tests_wire_test_import_LDADD = $(wire_ldadd) $(CRYPTO_LIBS)
tests_wire_test_messaging_SOURCES = tests/wire/test_messaging.c tests/wire/session_bench.h
tests_wire_test_messaging_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_wire_test_messaging_LDADD = $(wire_ldadd)
tests_wire_test_pin_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_wire_test_pin_LDADD = $(wire_ldadd)
tests_wire_test_pin_past_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_wire_test_pin_past_LDADD = $(wire_ldadd)
tests_wire_test_traces_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_wire_test_traces_LDADD = $(wire_ldadd)
tests_wire_test_unlock_SOURCES = tests/wire/test_unlock.c tests/wire/phone.c tests/wire/phone.h
tests_wire_test_unlock_limits_SOURCES = tests/wire/test_unlock_limits.c tests/wire/phone.c tests/wire/phone.h
tests_wire_test_unlock_limits_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(CRYPTO_CFLAGS)
tests_wire_test_unlock_limits_LDADD = $(wire_ldadd) $(CRYPTO_LIBS)
tests_wire_test_unlock_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(CRYPTO_CFLAGS)
tests_wire_test_unlock_LDADD = $(wire_ldadd) $(CRYPTO_LIBS)
tests_wire_test_golden_CPPFLAGS = $(AM_CPPFLAGS) -DGOLDEN='"$(abs_top_srcdir)/tests/wire/golden"'
tests_wire_test_golden_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_wire_test_golden_LDADD = $(wire_ldadd)
EXTRA_DIST += tests/wire/freestanding.sh tests/wire/golden

# The emulator in a real pcscd: tests/wire/vpcd.sh.
check_PROGRAMS += tests/lib/pcsc_talk
tests_lib_pcsc_talk_SOURCES = tests/lib/pcsc_talk.c
tests_lib_pcsc_talk_CFLAGS = $(AM_CFLAGS) $(PCSC_CFLAGS)
tests_lib_pcsc_talk_LDADD = $(PCSC_LIBS)
EXTRA_DIST += tests/wire/vpcd.sh tests/wire/driver_pcsc.sh

# libukey on in-process tokens.
noinst_LTLIBRARIES += libdriverbench.la
libdriverbench_la_SOURCES = tests/wire/driver_bench.c tests/wire/driver_bench.h
libdriverbench_la_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(CRYPTO_CFLAGS)
driver_bench_ldadd = libdriverbench.la $(loop_ldadd) $(CMOCKA_LIBS)

WIRE_TESTS += tests/wire/test_driver_budget
tests_wire_test_driver_budget_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_wire_test_driver_budget_LDADD = $(driver_bench_ldadd)

WIRE_TESTS += tests/wire/test_driver_channel tests/wire/test_driver_disturbed
tests_wire_test_driver_channel_SOURCES = tests/wire/test_driver_channel.c tests/wire/channel_bench.c tests/wire/channel_bench.h
tests_wire_test_driver_disturbed_SOURCES = tests/wire/test_driver_disturbed.c tests/wire/channel_bench.c tests/wire/channel_bench.h
tests_wire_test_driver_disturbed_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_wire_test_driver_disturbed_LDADD = $(driver_bench_ldadd)
tests_wire_test_driver_channel_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_wire_test_driver_channel_LDADD = $(driver_bench_ldadd)

WIRE_TESTS += tests/wire/test_driver_pin
tests_wire_test_driver_pin_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_wire_test_driver_pin_LDADD = $(driver_bench_ldadd)

WIRE_TESTS += tests/wire/test_driver_unlock
tests_wire_test_driver_unlock_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_wire_test_driver_unlock_LDADD = $(driver_bench_ldadd)

WIRE_TESTS += tests/wire/test_driver_object
tests_wire_test_driver_object_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_wire_test_driver_object_LDADD = $(driver_bench_ldadd)

WIRE_TESTS += tests/wire/test_driver_cache tests/wire/personal_driver_cache
cache_files = tests/wire/cache_files.c tests/wire/cache_files.h
tests_wire_test_driver_cache_SOURCES = tests/wire/test_driver_cache.c $(cache_files)
tests_wire_test_driver_cache_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_wire_test_driver_cache_LDADD = $(driver_bench_ldadd)
tests_wire_personal_driver_cache_SOURCES = tests/wire/test_driver_cache.c $(cache_files)
tests_wire_personal_driver_cache_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_wire_personal_driver_cache_LDADD = $(driver_bench_ldadd)

WIRE_TESTS += tests/wire/test_driver_change tests/wire/personal_driver_change
tests_wire_test_driver_change_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_wire_test_driver_change_LDADD = $(driver_bench_ldadd)
tests_wire_personal_driver_change_SOURCES = tests/wire/test_driver_change.c
tests_wire_personal_driver_change_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_wire_personal_driver_change_LDADD = $(driver_bench_ldadd)

WIRE_TESTS += tests/wire/test_driver_key
tests_wire_test_driver_key_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_wire_test_driver_key_LDADD = $(driver_bench_ldadd)

WIRE_TESTS += tests/wire/test_driver_import tests/wire/personal_driver_import
tests_wire_test_driver_import_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(CRYPTO_CFLAGS)
tests_wire_test_driver_import_LDADD = $(driver_bench_ldadd) $(CRYPTO_LIBS)
tests_wire_personal_driver_import_SOURCES = tests/wire/test_driver_import.c
tests_wire_personal_driver_import_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(CRYPTO_CFLAGS)
tests_wire_personal_driver_import_LDADD = $(driver_bench_ldadd) $(CRYPTO_LIBS)

WIRE_TESTS += tests/wire/test_driver_plug
tests_wire_test_driver_plug_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_wire_test_driver_plug_LDADD = $(driver_bench_ldadd)

WIRE_TESTS += tests/wire/test_driver_threads
tests_wire_test_driver_threads_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_wire_test_driver_threads_LDADD = $(driver_bench_ldadd)

WIRE_TESTS += tests/wire/test_driver_lies
tests_wire_test_driver_lies_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_wire_test_driver_lies_LDADD = $(driver_bench_ldadd)

WIRE_TESTS += tests/wire/test_driver_log
tests_wire_test_driver_log_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_wire_test_driver_log_LDADD = $(driver_bench_ldadd)

# The same tests on tokens from the factory, inside the secure channel (tests/wire/trusted.h).
WIRE_TESTS += tests/wire/personal_driver_pin
tests_wire_personal_driver_pin_SOURCES = tests/wire/test_driver_pin.c
tests_wire_personal_driver_pin_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_wire_personal_driver_pin_LDADD = $(driver_bench_ldadd)
WIRE_TESTS += tests/wire/personal_driver_object
tests_wire_personal_driver_object_SOURCES = tests/wire/test_driver_object.c
tests_wire_personal_driver_object_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_wire_personal_driver_object_LDADD = $(driver_bench_ldadd)
WIRE_TESTS += tests/wire/personal_driver_key
tests_wire_personal_driver_key_SOURCES = tests/wire/test_driver_key.c
tests_wire_personal_driver_key_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_wire_personal_driver_key_LDADD = $(driver_bench_ldadd)
WIRE_TESTS += tests/wire/personal_driver_plug
tests_wire_personal_driver_plug_SOURCES = tests/wire/test_driver_plug.c
tests_wire_personal_driver_plug_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_wire_personal_driver_plug_LDADD = $(driver_bench_ldadd)
WIRE_TESTS += tests/wire/personal_driver_threads
tests_wire_personal_driver_threads_SOURCES = tests/wire/test_driver_threads.c
tests_wire_personal_driver_threads_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_wire_personal_driver_threads_LDADD = $(driver_bench_ldadd)

# libukey on a PIV card.
noinst_LTLIBRARIES += libpivbench.la
libpivbench_la_SOURCES = tests/wire/piv_bench.c tests/wire/piv_bench.h
libpivbench_la_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(CRYPTO_CFLAGS)
piv_bench_ldadd = libpivbench.la libwirepiv.la libwire.la $(driver_bench_ldadd)

WIRE_TESTS += tests/wire/test_driver_piv tests/wire/test_driver_piv_slots tests/wire/test_driver_piv_pin \
	tests/wire/test_driver_piv_use tests/wire/test_driver_piv_disturbed
tests_wire_test_driver_piv_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_wire_test_driver_piv_LDFLAGS = $(AM_LDFLAGS) $(piv_clock_ldflags)
tests_wire_test_driver_piv_LDADD = $(piv_bench_ldadd)
tests_wire_test_driver_piv_slots_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(ZLIB_CFLAGS)
tests_wire_test_driver_piv_slots_LDFLAGS = $(AM_LDFLAGS) $(piv_clock_ldflags)
tests_wire_test_driver_piv_slots_LDADD = $(piv_bench_ldadd) $(ZLIB_LIBS)
tests_wire_test_driver_piv_pin_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_wire_test_driver_piv_pin_LDFLAGS = $(AM_LDFLAGS) $(piv_clock_ldflags)
tests_wire_test_driver_piv_pin_LDADD = $(piv_bench_ldadd)
tests_wire_test_driver_piv_use_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(CRYPTO_CFLAGS)
tests_wire_test_driver_piv_use_LDFLAGS = $(AM_LDFLAGS) $(piv_clock_ldflags)
tests_wire_test_driver_piv_use_LDADD = $(piv_bench_ldadd) $(CRYPTO_LIBS)
tests_wire_test_driver_piv_disturbed_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_wire_test_driver_piv_disturbed_LDFLAGS = $(AM_LDFLAGS) $(piv_clock_ldflags)
tests_wire_test_driver_piv_disturbed_LDADD = $(piv_bench_ldadd)

WIRE_TESTS += tests/wire/test_driver_piv_threads
tests_wire_test_driver_piv_threads_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_wire_test_driver_piv_threads_LDADD = $(piv_bench_ldadd)

WIRE_TESTS += tests/wire/test_driver_piv_manage
tests_wire_test_driver_piv_manage_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_wire_test_driver_piv_manage_LDFLAGS = $(AM_LDFLAGS) $(piv_clock_ldflags)
tests_wire_test_driver_piv_manage_LDADD = $(piv_bench_ldadd)

WIRE_TESTS += tests/wire/test_driver_piv_key
tests_wire_test_driver_piv_key_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_wire_test_driver_piv_key_LDFLAGS = $(AM_LDFLAGS) $(piv_clock_ldflags)
tests_wire_test_driver_piv_key_LDADD = $(piv_bench_ldadd)

# What is believed of a card that tells nothing, and what that costs.
WIRE_TESTS += tests/wire/test_driver_piv_fresh tests/wire/test_driver_piv_budget
tests_wire_test_driver_piv_fresh_SOURCES = tests/wire/test_driver_piv_fresh.c $(cache_files)
tests_wire_test_driver_piv_fresh_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(ZLIB_CFLAGS)
tests_wire_test_driver_piv_fresh_LDFLAGS = $(AM_LDFLAGS) $(piv_clock_ldflags)
tests_wire_test_driver_piv_fresh_LDADD = $(piv_bench_ldadd) $(ZLIB_LIBS)
tests_wire_test_driver_piv_budget_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_wire_test_driver_piv_budget_LDFLAGS = $(AM_LDFLAGS) $(piv_clock_ldflags)
tests_wire_test_driver_piv_budget_LDADD = $(piv_bench_ldadd)

# libukey on a real pcscd: tests/wire/driver_pcsc.sh.
check_PROGRAMS += tests/wire/driver_talk tests/lib/vpcd_foreign
tests_wire_driver_talk_SOURCES = tests/wire/driver_talk.c
tests_wire_driver_talk_LDADD = libukey.la
tests_lib_vpcd_foreign_SOURCES = tests/lib/vpcd_foreign.c
tests_lib_vpcd_foreign_LDADD = libcommon.la
