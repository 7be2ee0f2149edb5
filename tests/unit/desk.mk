# SPDX-License-Identifier: Apache-2.0
# Unlock by phone: codes, MAC inputs, the desk.
UNIT_TESTS += tests/unit/test_code_text tests/unit/test_unlock
tests_unit_test_code_text_SOURCES = tests/unit/test_code_text.c
tests_unit_test_code_text_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_code_text_LDADD = libcommon.la $(CMOCKA_LIBS)
tests_unit_test_unlock_SOURCES = tests/unit/test_unlock.c
tests_unit_test_unlock_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(CRYPTO_CFLAGS)
tests_unit_test_unlock_LDADD = libcommon.la $(CMOCKA_LIBS) $(CRYPTO_LIBS)
