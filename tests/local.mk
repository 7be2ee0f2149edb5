# SPDX-License-Identifier: Apache-2.0
# Programs of a group are listed in the group's own folder; ./check runs the groups.
UNIT_TESTS =
WIRE_TESTS =
FAULT_TESTS =

if HAVE_CMOCKA
include tests/unit/local.mk
include tests/wire/local.mk
include tests/faults/local.mk
endif
include tests/fuzz/local.mk

check_PROGRAMS += $(UNIT_TESTS) $(WIRE_TESTS) $(FAULT_TESTS)
TESTS += $(UNIT_TESTS) $(WIRE_TESTS) $(FAULT_TESTS)
