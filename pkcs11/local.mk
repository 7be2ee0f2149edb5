# SPDX-License-Identifier: Apache-2.0
# libp11core.la: the module's objects, for the module and for tests in one process with it.
noinst_LTLIBRARIES += libp11core.la
libp11core_la_SOURCES = \
	pkcs11/pkcs11.h pkcs11/constants.h pkcs11/p11.h pkcs11/operation.h \
	pkcs11/interfaces.c pkcs11/unsupported.c \
	pkcs11/library.c pkcs11/slot.c pkcs11/session.c pkcs11/token.c \
	pkcs11/login.c pkcs11/pin.c pkcs11/prompt.c pkcs11/prompt.h pkcs11/returned.c \
	pkcs11/pinentry.c pkcs11/pinentry.h pkcs11/assuan.c pkcs11/assuan.h \
	pkcs11/object.c pkcs11/find.c pkcs11/attribute.c pkcs11/attribute.h pkcs11/attribute_key.c \
	pkcs11/attribute_stored.c pkcs11/attribute_session.c pkcs11/template.c pkcs11/create.c pkcs11/change.c \
	pkcs11/mechanism.c pkcs11/operation.c pkcs11/key.c \
	pkcs11/public.c pkcs11/cipher.c pkcs11/mac.c \
	pkcs11/sign.c pkcs11/verify.c pkcs11/crypt.c pkcs11/digest.c \
	pkcs11/secret.c pkcs11/secret.h pkcs11/generate.c pkcs11/keygen.c pkcs11/import.c pkcs11/derive.c \
	pkcs11/wrap.c pkcs11/message.c

p11module_LTLIBRARIES = ukey-pkcs11.la
ukey_pkcs11_la_SOURCES =
ukey_pkcs11_la_LIBADD = libp11core.la libukeycore.la libcommon.la
ukey_pkcs11_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared -no-undefined -export-symbols-regex '^C_'

# p11-kit finds the module by this file; it looks for relative names in its own module folder.
dist_p11config_DATA = pkcs11/ukey.module

# libtool's own file is of no use beside a module.
install-data-hook:
	rm -f $(DESTDIR)$(p11moduledir)/ukey-pkcs11.la

EXTRA_DIST += tests/clients/lib.sh tests/clients/pkcs11-tool.sh tests/clients/pinentry.sh tests/clients/gnutls.sh tests/clients/openssl.sh \
	tests/clients/ssh.sh tests/clients/nss.sh tests/clients/p11-kit.sh tests/clients/java.sh tests/clients/strongswan.sh tests/clients/gnupg.sh tests/clients/eapol.sh \
	tests/clients/firefox.sh tests/clients/chromium.sh

# And so libtool does not know any more what to remove.
uninstall-hook:
	rm -f $(DESTDIR)$(p11moduledir)/ukey-pkcs11.so
