# SPDX-License-Identifier: Apache-2.0
# The desk's rules. ukey-helpdesk is one face of them.
noinst_LTLIBRARIES += libukeydesk.la
libukeydesk_la_SOURCES = desk/desk.h desk/private.h desk/schema.h \
	desk/status.def desk/status.c \
	desk/store.c desk/create.c desk/master.c desk/profile.c desk/record.c desk/verify.c desk/machine.c \
	desk/staff.c desk/token.c desk/request.c desk/answer.c desk/escrow.c \
	desk/key.c desk/p11.c desk/p11.h desk/p11_keys.c
libukeydesk_la_CFLAGS = $(AM_CFLAGS) $(CRYPTO_CFLAGS) $(JANSSON_CFLAGS) $(SQLITE_CFLAGS) $(P11KIT_CFLAGS)
libukeydesk_la_LIBADD = libukeyp11uri.la libcommon.la $(CRYPTO_LIBS) $(JANSSON_LIBS) $(SQLITE_LIBS)
