# SPDX-License-Identifier: Apache-2.0
# Freestanding: the firmware core links these too.
common_freestanding = \
	common/bytes.c common/bytes.h \
	common/tlv.c common/tlv.h \
	common/apdu.c common/apdu.h

noinst_LTLIBRARIES += libcommon.la
libcommon_la_SOURCES = $(common_freestanding)
libcommon_la_CFLAGS = $(AM_CFLAGS) $(CRYPTO_CFLAGS)
libcommon_la_LIBADD = $(CRYPTO_LIBS)
