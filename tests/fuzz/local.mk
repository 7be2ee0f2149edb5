# SPDX-License-Identifier: Apache-2.0

# The stream from vpcd.
FUZZ_TARGETS += tests/fuzz/fuzz_vpcd
tests_fuzz_fuzz_vpcd_SOURCES = tests/fuzz/fuzz_vpcd.c
tests_fuzz_fuzz_vpcd_LDADD = libukeylink.la libcommon.la
tests_fuzz_fuzz_vpcd_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
EXTRA_DIST += tests/fuzz/corpus/vpcd

# EST bodies, addresses and enrolment codes
FUZZ_TARGETS += tests/fuzz/fuzz_est
tests_fuzz_fuzz_est_SOURCES = tests/fuzz/fuzz_est.c
tests_fuzz_fuzz_est_CFLAGS = $(AM_CFLAGS) $(CRYPTO_CFLAGS)
tests_fuzz_fuzz_est_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_est_LDADD = libukeyra.la libcommon.la
EXTRA_DIST += tests/fuzz/corpus/est
