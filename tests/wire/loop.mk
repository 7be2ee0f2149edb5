# SPDX-License-Identifier: Apache-2.0
# libukey on tokens in the test's own process (tests/wire/loop_transport.h), for the tests and fuzz targets of every
# room that stands on libukey.
noinst_LTLIBRARIES += libloop.la
libloop_la_SOURCES = \
	tests/wire/loop_transport.c tests/wire/loop_transport.h \
	tests/wire/trusted.c tests/wire/trusted.h
libloop_la_CFLAGS = $(AM_CFLAGS) $(CRYPTO_CFLAGS)
loop_ldadd = libloop.la libukeycore.la $(ramtoken_ldadd)
