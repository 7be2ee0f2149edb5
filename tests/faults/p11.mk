# SPDX-License-Identifier: Apache-2.0
# The module's road with failing memory.
FAULT_TESTS += tests/faults/test_malloc
tests_faults_test_malloc_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(CRYPTO_CFLAGS)
tests_faults_test_malloc_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup \
	-Wl,--wrap=posix_memalign,--wrap=mmap,--wrap=ramtoken_transceive,--wrap=ramtoken_power_cycle
tests_faults_test_malloc_LDADD = $(p11_bench_ldadd)
