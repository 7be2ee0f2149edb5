# SPDX-License-Identifier: Apache-2.0
# All but main(), so that tests can link it.
noinst_LTLIBRARIES += libukeyra.la
libukeyra_la_SOURCES = \
	ra/status.def ra/status.c ra/status.h \
	ra/base64.c ra/base64.h \
	ra/code.c ra/code.h \
	ra/name.c ra/name.h \
	ra/request.c ra/request.h \
	ra/profile.c ra/profile_json.c ra/profile.h \
	ra/certbuild.c ra/certbuild.h \
	ra/issue.c ra/issue.h \
	ra/store.c ra/store_code.c ra/store_cert.c ra/store.h ra/store_private.h ra/store_schema.h \
	ra/enroll.c ra/enroll.h \
	ra/est.c ra/est.h \
	ra/http.c ra/http.h \
	ra/patience.c ra/patience.h \
	ra/file.c ra/file.h \
	ra/keyfile.c ra/keyfile.h \
	ra/cadir.c ra/cadir_init.c ra/cadir.h
libukeyra_la_CFLAGS = $(AM_CFLAGS) $(CRYPTO_CFLAGS) $(JANSSON_CFLAGS) $(SQLITE_CFLAGS) $(MHD_CFLAGS) $(GNUTLS_CFLAGS)
libukeyra_la_LIBADD = libcommon.la $(CRYPTO_LIBS) $(JANSSON_LIBS) $(SQLITE_LIBS) $(MHD_LIBS) $(GNUTLS_LIBS)

bin_PROGRAMS += ukey-ra
ukey_ra_SOURCES = ra/main.c ra/cli.c ra/cli_passphrase.c ra/cli.h \
	ra/cmd_init.c ra/cmd_serve.c ra/cmd_code.c ra/cmd_list.c
ukey_ra_CFLAGS = $(libukeyra_la_CFLAGS)
ukey_ra_LDADD = libukeyra.la

# Over the wire, with independent clients; ./check runs it: tests/ra/est.sh PATH-OF-ukey-ra
EXTRA_DIST += tests/ra/est.sh

dist_man_MANS += doc/ukey-ra.8
