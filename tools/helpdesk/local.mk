# SPDX-License-Identifier: Apache-2.0
bin_PROGRAMS += ukey-helpdesk
ukey_helpdesk_SOURCES = tools/helpdesk/main.c tools/helpdesk/cli.c tools/helpdesk/cli.h \
	tools/helpdesk/certificate.c tools/helpdesk/cmd_desk.c tools/helpdesk/cmd_unlock.c tools/helpdesk/cmd_escrow.c
ukey_helpdesk_CFLAGS = $(AM_CFLAGS) $(CRYPTO_CFLAGS) $(JANSSON_CFLAGS)
ukey_helpdesk_LDADD = libukeydesk.la libukey.la libcommon.la $(CRYPTO_LIBS) $(JANSSON_LIBS)
