# SPDX-License-Identifier: Apache-2.0
# A token in the test's own process (tests/wire/ramtoken.h), for the tests and fuzz targets of every room.
noinst_LTLIBRARIES += libramtoken.la
libramtoken_la_SOURCES = \
	firmware-emu/hal/key_blob.c firmware-emu/hal/key_blob.h \
	firmware-emu/hal/key_import.c firmware-emu/hal/key_import.h \
	tests/wire/ramhal.c tests/wire/ramhal.h \
	tests/wire/outside.c tests/wire/outside.h \
	tests/wire/personal.c tests/wire/personal.h \
	tests/wire/ramtoken.c tests/wire/ramtoken.h
libramtoken_la_CFLAGS = $(AM_CFLAGS) $(CRYPTO_CFLAGS)
# What the core needs of others, for who brings a core of his own (tests/bench).
ramtoken_under_core = libukeytdes.la libcommon.la $(CRYPTO_LIBS)
ramtoken_ldadd = libramtoken.la libfwcore.la $(ramtoken_under_core)
