# SPDX-License-Identifier: Apache-2.0
# Freestanding: the firmware core links these too.
common_freestanding = \
	common/bytes.c common/bytes.h \
	common/tlv.c common/tlv.h \
	common/apdu.c common/apdu.h \
	common/unlock.c common/unlock.h \
	common/scp.c common/scp.h

noinst_LTLIBRARIES += libcommon.la
libcommon_la_SOURCES = $(common_freestanding) \
	common/hex.c common/hex.h \
	common/secmem.c common/secmem.h \
	common/crypto.c common/crypto.h common/crypto_evp.h \
	common/crypto_key.c common/crypto_verify.c common/crypto_cert.c \
	common/crypto_secret.h common/crypto_cipher.c common/crypto_mac.c \
	common/rsa_pad.c common/rsa_pad.h \
	common/exchange.c common/exchange.h \
	common/code_text.c common/code_text.h \
	common/scp_openssl.c common/scp_host.c common/scp_host.h common/scp_evp.h \
	common/i18n.c common/i18n.h
libcommon_la_CFLAGS = $(AM_CFLAGS) $(CRYPTO_CFLAGS)
libcommon_la_LIBADD = $(CRYPTO_LIBS)

# Keys in others' PKCS#11 modules, for the programs that use some.
noinst_LTLIBRARIES += libukeyp11uri.la
libukeyp11uri_la_SOURCES = common/p11_uri.c common/p11_uri.h
libukeyp11uri_la_CFLAGS = $(AM_CFLAGS) $(P11KIT_CFLAGS)
libukeyp11uri_la_LIBADD = libcommon.la $(P11KIT_LIBS)
