# SPDX-License-Identifier: Apache-2.0

UNIT_TESTS += test_driver_status
test_driver_status_SOURCES = tests/unit/test_driver_status.c
test_driver_status_CPPFLAGS = $(AM_CPPFLAGS) $(P11KIT_CFLAGS) $(PCSC_CFLAGS) $(CMOCKA_CFLAGS)
test_driver_status_LDADD = libukeycore.la libcommon.la $(CMOCKA_LIBS)
