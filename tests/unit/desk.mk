# SPDX-License-Identifier: Apache-2.0
# Unlock by phone: codes, MAC inputs, the desk.
UNIT_TESTS += tests/unit/test_code_text tests/unit/test_unlock
tests_unit_test_code_text_SOURCES = tests/unit/test_code_text.c
tests_unit_test_code_text_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_code_text_LDADD = libcommon.la $(CMOCKA_LIBS)
tests_unit_test_unlock_SOURCES = tests/unit/test_unlock.c
tests_unit_test_unlock_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(CRYPTO_CFLAGS)
tests_unit_test_unlock_LDADD = libcommon.la $(CMOCKA_LIBS) $(CRYPTO_LIBS)

UNIT_TESTS += tests/unit/test_desk_rules tests/unit/test_desk_limits tests/unit/test_desk_record
unit_desk_cflags = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(CRYPTO_CFLAGS) $(JANSSON_CFLAGS) $(SQLITE_CFLAGS) $(P11KIT_CFLAGS)
unit_desk_libs = libukeydesk.la $(CMOCKA_LIBS) $(CRYPTO_LIBS) $(JANSSON_LIBS) $(SQLITE_LIBS)
tests_unit_test_desk_rules_SOURCES = tests/unit/test_desk_rules.c tests/unit/desk_help.c tests/unit/desk_help.h
tests_unit_test_desk_rules_CFLAGS = $(unit_desk_cflags)
tests_unit_test_desk_rules_LDADD = $(unit_desk_libs)
tests_unit_test_desk_limits_SOURCES = tests/unit/test_desk_limits.c tests/unit/desk_help.c tests/unit/desk_help.h
tests_unit_test_desk_limits_CFLAGS = $(unit_desk_cflags)
tests_unit_test_desk_limits_LDADD = $(unit_desk_libs)
tests_unit_test_desk_record_SOURCES = tests/unit/test_desk_record.c tests/unit/desk_help.c tests/unit/desk_help.h
tests_unit_test_desk_record_CFLAGS = $(unit_desk_cflags)
tests_unit_test_desk_record_LDADD = $(unit_desk_libs)

# played by tests/tools/helpdesk.sh
check_PROGRAMS += tests/tools/soft_token
tests_tools_soft_token_SOURCES = tests/tools/soft_token.c
tests_tools_soft_token_CFLAGS = $(AM_CFLAGS) $(CRYPTO_CFLAGS)
tests_tools_soft_token_LDADD = libcommon.la $(CRYPTO_LIBS)
