# SPDX-License-Identifier: Apache-2.0
# Everything but main() in one convenience library: the unit tests link it too.
noinst_LTLIBRARIES += libtool-ukey.la
libtool_ukey_la_SOURCES = \
	tools/tool.c tools/tool.h tools/options.def tools/commands.c \
	tools/ui.c tools/ui.h tools/progress.c \
	tools/pin_source.c tools/pin_source.h tools/piv_codes.c tools/piv_codes.h \
	tools/names.c tools/names.h \
	tools/pick_token.c tools/pick_token.h tools/session_pin.c tools/piv_card.c tools/piv_card.h \
	tools/token_provider.c tools/token_provider.h tools/token_provider_private.h \
	tools/token_keymgmt.c tools/token_signature.c tools/token_decrypt.c \
	tools/token_session.c tools/token_session.h \
	tools/key_make.h tools/request.h tools/cms.h \
	tools/cmd_token.c tools/cmd_info.c tools/cmd_pin.c tools/cmd_unlock.c tools/qr.c tools/unlock.h tools/cmd_attest.c tools/cmd_key.c tools/cmd_key_import.c tools/key_file.c tools/key_file.h tools/cmd_cert.c tools/cmd_request.c tools/cmd_sign.c \
	tools/est.c tools/est_parse.c tools/est.h tools/enroll_state.c tools/enroll_state.h \
	tools/enroll_trust.c tools/enroll_trust.h tools/cmd_enroll.c tools/cmd_doctor.c tools/doctor_machine.c tools/doctor_usb.c tools/doctor.h \
	tools/setup.h tools/cmd_setup.c tools/setup_file.c tools/setup_nss.c tools/setup_text.c tools/setup_libccid.c
libtool_ukey_la_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS) $(P11KIT_CFLAGS) $(CRYPTO_CFLAGS) $(CURL_CFLAGS) $(QRENCODE_CFLAGS) \
	-DP11CONFIGDIR='"$(p11configdir)"' -DP11MODULEDIR='"$(p11moduledir)"' -DUDEVRULESDIR='"$(udevrulesdir)"'
libtool_ukey_la_LIBADD = libukey.la libcommon.la $(JANSSON_LIBS) $(P11KIT_LIBS) $(CURL_LIBS) $(QRENCODE_LIBS) $(SSL_LIBS) $(CRYPTO_LIBS)

bin_PROGRAMS += ukey
ukey_SOURCES = tools/ukey.c
ukey_CPPFLAGS = $(libtool_ukey_la_CPPFLAGS)
ukey_LDADD = libtool-ukey.la
dist_man_MANS += doc/ukey.1

# For tests/tools/*.sh.
check_PROGRAMS += tests/tools/foreign_card tests/tools/est_server tests/tools/desk_answer
tests_tools_foreign_card_SOURCES = tests/tools/foreign_card.c
tests_tools_desk_answer_SOURCES = tests/tools/desk_answer.c
tests_tools_desk_answer_CFLAGS = $(AM_CFLAGS) $(CRYPTO_CFLAGS)
tests_tools_desk_answer_LDADD = libcommon.la $(CRYPTO_LIBS)
tests_tools_est_server_SOURCES = tests/tools/est_server.c
tests_tools_est_server_CFLAGS = $(AM_CFLAGS) $(SSL_CFLAGS)
tests_tools_est_server_LDADD = $(SSL_LIBS) $(CRYPTO_LIBS)
EXTRA_DIST += tests/tools/setup.sh tests/tools/road.sh tests/tools/touch.sh tests/tools/import.sh tests/tools/unlock.sh tests/tools/genuine.sh tests/tools/enroll.sh tests/tools/helpdesk.sh tests/tools/helpdesk_tokens.sh tests/tools/lib.sh

# bash asks for it by the command's name
completionsdir = $(datadir)/bash-completion/completions
dist_completions_DATA = tools/completion/ukey
EXTRA_DIST += tests/tools/completion.sh
EXTRA_DIST += tests/piv/lib.sh tests/piv/clients.sh tests/piv/pkcs11-tool.sh tests/piv/modules.sh tests/piv/beside.sh tests/lib/piv_card.sh
