# SPDX-License-Identifier: Apache-2.0
# libukeycore.la: the objects of libukey for what links them statically (our modules, the tests; link libcommon.la
# after it). libukey.la: the shared library with the public header's functions only.
noinst_LTLIBRARIES += libukeycore.la
libukeycore_la_SOURCES = \
	driver/ukey.h driver/status.def driver/status.c \
	driver/skeleton.c
libukeycore_la_CFLAGS = $(AM_CFLAGS) $(PCSC_CFLAGS)
libukeycore_la_LIBADD = $(PCSC_LIBS)

lib_LTLIBRARIES += libukey.la
libukey_la_SOURCES =
libukey_la_LIBADD = libukeycore.la libcommon.la
libukey_la_LDFLAGS = $(AM_LDFLAGS) -version-info 0:0:0 -no-undefined

include_HEADERS += driver/ukey.h
pkgconfig_DATA += driver/libukey.pc
