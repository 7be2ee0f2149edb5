# SPDX-License-Identifier: Apache-2.0
include tests/faults/p11.mk

# The firmware core, losing power.
FAULT_TESTS += tests/faults/test_powercut tests/faults/test_powercut_piv tests/faults/test_reset_traces
tests_faults_test_powercut_piv_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_faults_test_powercut_piv_LDADD = libwirepiv.la $(wire_ldadd)
tests_faults_test_powercut_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_faults_test_powercut_LDADD = $(wire_ldadd)
tests_faults_test_reset_traces_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_faults_test_reset_traces_LDADD = $(wire_ldadd)

FAULT_TESTS += tests/faults/test_unplug
tests_faults_test_unplug_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_faults_test_unplug_LDADD = $(driver_bench_ldadd)

scarce_ldflags = -Wl,--wrap=malloc -Wl,--wrap=calloc -Wl,--wrap=mmap
scarce_sources = tests/faults/scarce.c tests/faults/scarce.h

FAULT_TESTS += tests/faults/test_driver_memory
tests_faults_test_driver_memory_SOURCES = tests/faults/test_driver_memory.c $(scarce_sources)
tests_faults_test_driver_memory_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_faults_test_driver_memory_LDFLAGS = $(AM_LDFLAGS) $(scarce_ldflags)
tests_faults_test_driver_memory_LDADD = $(driver_bench_ldadd)

FAULT_TESTS += tests/faults/test_piv_memory
tests_faults_test_piv_memory_SOURCES = tests/faults/test_piv_memory.c $(scarce_sources)
tests_faults_test_piv_memory_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_faults_test_piv_memory_LDFLAGS = $(AM_LDFLAGS) $(scarce_ldflags) $(piv_clock_ldflags)
tests_faults_test_piv_memory_LDADD = $(piv_bench_ldadd)

FAULT_TESTS += tests/faults/test_driver_crypto_memory
tests_faults_test_driver_crypto_memory_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_faults_test_driver_crypto_memory_LDADD = $(piv_bench_ldadd)

# Two of them once more on tokens from the factory, inside the secure channel.
FAULT_TESTS += tests/faults/personal_unplug tests/faults/personal_driver_memory
tests_faults_personal_unplug_SOURCES = tests/faults/test_unplug.c
tests_faults_personal_unplug_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_faults_personal_unplug_LDADD = $(driver_bench_ldadd)
tests_faults_personal_driver_memory_SOURCES = tests/faults/test_driver_memory.c $(scarce_sources)
tests_faults_personal_driver_memory_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_faults_personal_driver_memory_LDFLAGS = $(AM_LDFLAGS) $(scarce_ldflags)
tests_faults_personal_driver_memory_LDADD = $(driver_bench_ldadd)
