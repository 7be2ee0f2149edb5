# SPDX-License-Identifier: Apache-2.0
# Programs of a group are listed in the group's own folder; ./check runs the groups and asks make for the lists.
#	UNIT_TESTS, WIRE_TESTS, FAULT_TESTS, CHANNEL_TESTS	cmocka programs
#	FUZZ_TARGETS		libFuzzer programs tests/fuzz/fuzz_NAME with their corpus in tests/fuzz/corpus/NAME
# Shell tests need no list: ./check finds tests/GROUP/*.sh.
UNIT_TESTS =
WIRE_TESTS =
FAULT_TESTS =
CHANNEL_TESTS =
FUZZ_TARGETS =

include tests/wire/ramtoken.mk
include tests/wire/loop.mk
include tests/fuzz/p11.mk

if HAVE_CMOCKA
include tests/unit/local.mk
include tests/wire/local.mk
include tests/faults/local.mk
endif
include tests/channel/local.mk
include tests/usb/local.mk
include tests/road/local.mk
if FUZZERS
include tests/fuzz/local.mk
endif

# What runs in several threads: ./check runs these under the thread sanitizer too.
if HAVE_CMOCKA
THREAD_TESTS = \
	tests/unit/test_secmem \
	tests/unit/test_emu_control \
	test_driver_turn \
	tests/wire/test_driver_threads \
	tests/wire/test_driver_piv_threads \
	tests/wire/test_driver_plug \
	tests/wire/personal_driver_threads \
	tests/wire/personal_driver_plug \
	tests/wire/personal_p11_threads \
	tests/wire/test_p11_threads \
	tests/wire/test_p11_pinentry \
	tests/wire/test_p11_state \
	tests/wire/test_p11_plug \
	tests/wire/test_p11_storm
# And these for a minute.
MINUTE_TESTS = tests/wire/personal_p11_storm
if HAVE_LIBUSB
THREAD_TESTS += tests/unit/test_roads
endif
endif

check_PROGRAMS += $(UNIT_TESTS) $(WIRE_TESTS) $(FAULT_TESTS) $(CHANNEL_TESTS) $(FUZZ_TARGETS)
TESTS += $(UNIT_TESTS) $(WIRE_TESTS) $(FAULT_TESTS) $(CHANNEL_TESTS)

include tests/budget/local.mk
include tests/bench/local.mk

# "make print-UNIT_TESTS" for ./check.
print-%:
	@echo $($*)

EXTRA_DIST += quickstart tests/runner tests/groups tests/lib/cases.sh tests/lib/namespace.sh tests/lib/personal.sh tests/lint tests/dist \
	tests/road/hotplug.sh tests/road/piv.sh tests/road/programs.sh tests/road/quickstart.sh tests/road/unlock_by_phone.sh \
	tests/channel/lib.sh tests/channel/bus_recording.sh tests/channel/core_image.sh tests/channel/ratio.sh tests/channel/sessions.sh tests/channel/two_programs.sh \
	tests/fuzz/corpus tests/fuzz/device_chain_root.pem \
	tests/budget/measure.sh tests/budget/budget.sh tests/budget/bench.sh tests/budget/table.sh

# clang-format over every C file; ./check lint verifies.
format:
	cd $(srcdir) && bash -c ". tests/lint/lib.sh; tracked '*.c' '*.h' | xargs clang-format -i"
lint:
	cd $(srcdir) && ./check lint
.PHONY: format lint

# Not in EXTRA_DIST: there it is the target that runs the tests, and `make dist` would run them.
dist-hook:
	cp -p $(srcdir)/check $(distdir)/check
