# SPDX-License-Identifier: Apache-2.0
include tests/unit/p11.mk
include tests/unit/desk.mk

UNIT_TESTS += test_driver_status
test_driver_status_SOURCES = tests/unit/test_driver_status.c
test_driver_status_CPPFLAGS = $(AM_CPPFLAGS) $(P11KIT_CFLAGS) $(PCSC_CFLAGS) $(CMOCKA_CFLAGS)
test_driver_status_LDADD = libukeycore.la libcommon.la $(CMOCKA_LIBS)

# common/
unit_common = tests/unit/test_bytes tests/unit/test_tlv tests/unit/test_apdu tests/unit/test_hex \
	tests/unit/test_exchange tests/unit/test_secmem tests/unit/test_crypto tests/unit/test_crypto_secret \
	tests/unit/test_cert tests/unit/test_rsa_pad tests/unit/test_i18n
UNIT_TESTS += $(unit_common)
tests_unit_test_bytes_SOURCES = tests/unit/test_bytes.c tests/unit/test.h
tests_unit_test_bytes_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_bytes_LDADD = libcommon.la $(CMOCKA_LIBS)
tests_unit_test_tlv_SOURCES = tests/unit/test_tlv.c
tests_unit_test_tlv_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_tlv_LDADD = libcommon.la $(CMOCKA_LIBS)
tests_unit_test_apdu_SOURCES = tests/unit/test_apdu.c
tests_unit_test_apdu_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_apdu_LDADD = libcommon.la $(CMOCKA_LIBS)
tests_unit_test_hex_SOURCES = tests/unit/test_hex.c
tests_unit_test_hex_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_hex_LDADD = libcommon.la $(CMOCKA_LIBS)
tests_unit_test_exchange_SOURCES = tests/unit/test_exchange.c
tests_unit_test_exchange_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_exchange_LDADD = libcommon.la $(CMOCKA_LIBS)
tests_unit_test_secmem_SOURCES = tests/unit/test_secmem.c
tests_unit_test_secmem_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_secmem_LDADD = libcommon.la $(CMOCKA_LIBS)
tests_unit_test_i18n_SOURCES = tests/unit/test_i18n.c
tests_unit_test_i18n_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_i18n_LDADD = libcommon.la $(CMOCKA_LIBS)
tests_unit_test_crypto_SOURCES = tests/unit/test_crypto.c
tests_unit_test_crypto_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(CRYPTO_CFLAGS)
tests_unit_test_crypto_LDADD = libcommon.la $(CMOCKA_LIBS) $(CRYPTO_LIBS)
tests_unit_test_crypto_secret_SOURCES = tests/unit/test_crypto_secret.c
tests_unit_test_crypto_secret_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_crypto_secret_LDADD = libcommon.la $(CMOCKA_LIBS)
tests_unit_test_cert_SOURCES = tests/unit/test_cert.c
tests_unit_test_cert_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(CRYPTO_CFLAGS)
tests_unit_test_cert_LDADD = libcommon.la $(CMOCKA_LIBS) $(CRYPTO_LIBS)
tests_unit_test_rsa_pad_SOURCES = tests/unit/test_rsa_pad.c
tests_unit_test_rsa_pad_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(CRYPTO_CFLAGS)
tests_unit_test_rsa_pad_LDADD = libcommon.la $(CMOCKA_LIBS) $(CRYPTO_LIBS)

# The emulator's.
unit_emulator = tests/unit/test_hal tests/unit/test_emu_flash tests/unit/test_emu_vpcd tests/unit/test_emu_control \
	tests/unit/test_usb_device tests/unit/test_ccid_host tests/unit/test_ccid_pair
UNIT_TESTS += $(unit_emulator)
tests_unit_test_hal_SOURCES = tests/unit/test_hal.c
tests_unit_test_hal_CFLAGS = $(AM_CFLAGS) $(CRYPTO_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_hal_LDADD = libukeyhal.la libcommon.la $(CMOCKA_LIBS) $(CRYPTO_LIBS)
tests_unit_test_emu_flash_SOURCES = tests/unit/test_emu_flash.c
tests_unit_test_emu_flash_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_emu_flash_LDADD = libukeyhal.la libcommon.la $(CMOCKA_LIBS) $(CRYPTO_LIBS)
tests_unit_test_usb_device_SOURCES = tests/unit/test_usb_device.c
tests_unit_test_usb_device_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_usb_device_LDADD = libukeylink.la libcommon.la $(CMOCKA_LIBS)
tests_unit_test_ccid_host_SOURCES = tests/unit/test_ccid_host.c
tests_unit_test_ccid_host_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_ccid_host_LDADD = libukeycore.la libukeylink.la libcommon.la $(CMOCKA_LIBS)
tests_unit_test_ccid_pair_SOURCES = tests/unit/test_ccid_pair.c
tests_unit_test_ccid_pair_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_ccid_pair_LDADD = libukeycore.la libukeylink.la libcommon.la $(CMOCKA_LIBS)
tests_unit_test_emu_vpcd_SOURCES = tests/unit/test_emu_vpcd.c
tests_unit_test_emu_vpcd_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_emu_vpcd_LDADD = libukeylink.la libcommon.la $(CMOCKA_LIBS)
tests_unit_test_emu_control_SOURCES = tests/unit/test_emu_control.c
tests_unit_test_emu_control_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_emu_control_LDADD = libukeyemu.la libukeyhal.la libcommon.la $(CMOCKA_LIBS) $(JANSSON_LIBS)

if HAVE_LIBUSB
UNIT_TESTS += tests/unit/test_roads
tests_unit_test_roads_SOURCES = tests/unit/test_roads.c
tests_unit_test_roads_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_roads_LDADD = libukeycore.la libcommon.la $(CMOCKA_LIBS)
endif

# ra/
unit_ra = tests/unit/test_ra_code tests/unit/test_ra_name tests/unit/test_ra_profile tests/unit/test_ra_request \
	tests/unit/test_ra_enroll
unit_ra_cflags = $(AM_CFLAGS) $(CRYPTO_CFLAGS) $(JANSSON_CFLAGS) $(SQLITE_CFLAGS) $(CMOCKA_CFLAGS)
unit_ra_libs = libukeyra.la $(CMOCKA_LIBS)
UNIT_TESTS += $(unit_ra)
tests_unit_test_ra_code_SOURCES = tests/unit/test_ra_code.c tests/unit/ra_help.h
tests_unit_test_ra_code_CFLAGS = $(unit_ra_cflags)
tests_unit_test_ra_code_LDADD = $(unit_ra_libs)
tests_unit_test_ra_name_SOURCES = tests/unit/test_ra_name.c
tests_unit_test_ra_name_CFLAGS = $(unit_ra_cflags)
tests_unit_test_ra_name_LDADD = $(unit_ra_libs)
tests_unit_test_ra_profile_SOURCES = tests/unit/test_ra_profile.c
tests_unit_test_ra_profile_CFLAGS = $(unit_ra_cflags)
tests_unit_test_ra_profile_LDADD = $(unit_ra_libs)
tests_unit_test_ra_request_SOURCES = tests/unit/test_ra_request.c
tests_unit_test_ra_request_CFLAGS = $(unit_ra_cflags)
tests_unit_test_ra_request_LDADD = $(unit_ra_libs)
tests_unit_test_ra_enroll_SOURCES = tests/unit/test_ra_enroll.c
tests_unit_test_ra_enroll_CFLAGS = $(unit_ra_cflags)
tests_unit_test_ra_enroll_LDADD = $(unit_ra_libs)

# tools/
tools_unit_cppflags = $(libtool_ukey_la_CPPFLAGS) $(CMOCKA_CFLAGS)
tools_unit_libs = libtool-ukey.la $(JANSSON_LIBS) $(P11KIT_LIBS) $(SSL_LIBS) $(CRYPTO_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += test_tools_provider test_tools_text test_tools_pin
test_tools_provider_SOURCES = tests/unit/test_tools_provider.c
test_tools_provider_CPPFLAGS = $(tools_unit_cppflags)
test_tools_provider_LDADD = $(tools_unit_libs)
test_tools_text_SOURCES = tests/unit/test_tools_text.c
test_tools_text_CPPFLAGS = $(tools_unit_cppflags)
test_tools_text_LDADD = $(tools_unit_libs)
test_tools_pin_SOURCES = tests/unit/test_tools_pin.c
test_tools_pin_CPPFLAGS = $(tools_unit_cppflags)
test_tools_pin_LDADD = $(tools_unit_libs)
if HAVE_ZBAR
UNIT_TESTS += test_tools_qr
endif
EXTRA_PROGRAMS += test_tools_qr
test_tools_qr_SOURCES = tests/unit/test_tools_qr.c
test_tools_qr_CPPFLAGS = $(tools_unit_cppflags) $(ZBAR_CFLAGS)
test_tools_qr_LDADD = $(tools_unit_libs) $(ZBAR_LIBS)

UNIT_TESTS += test_driver_directory
test_driver_directory_SOURCES = tests/unit/test_driver_directory.c
test_driver_directory_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
test_driver_directory_LDADD = libukeycore.la libcommon.la $(CMOCKA_LIBS)

UNIT_TESTS += test_driver_text
test_driver_text_SOURCES = tests/unit/test_driver_text.c
test_driver_text_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
test_driver_text_LDADD = libukeycore.la libcommon.la $(CMOCKA_LIBS)

UNIT_TESTS += test_driver_turn
test_driver_turn_SOURCES = tests/unit/test_driver_turn.c
test_driver_turn_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
test_driver_turn_LDADD = libukeycore.la libcommon.la $(CMOCKA_LIBS)

UNIT_TESTS += test_driver_sw
test_driver_sw_SOURCES = tests/unit/test_driver_sw.c
test_driver_sw_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
test_driver_sw_LDADD = libukeycore.la libcommon.la $(CMOCKA_LIBS)

UNIT_TESTS += test_driver_trust
test_driver_trust_SOURCES = tests/unit/test_driver_trust.c
test_driver_trust_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
test_driver_trust_CFLAGS = $(AM_CFLAGS) $(CRYPTO_CFLAGS)
test_driver_trust_LDADD = libukeycore.la libcommon.la $(CMOCKA_LIBS) $(CRYPTO_LIBS)

UNIT_TESTS += test_driver_settings
test_driver_settings_SOURCES = tests/unit/test_driver_settings.c
test_driver_settings_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
test_driver_settings_LDADD = libukeycore.la libcommon.la $(CMOCKA_LIBS)

# The firmware core's journal.
UNIT_TESTS += tests/unit/test_fw_journal
tests_unit_test_fw_journal_SOURCES = tests/unit/test_fw_journal.c
tests_unit_test_fw_journal_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_fw_journal_LDADD = $(wire_ldadd)

# The secure channel.
unit_scp = tests/unit/test_scp tests/unit/test_scp_session tests/unit/test_scp_host
unit_scp_cflags = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(CRYPTO_CFLAGS)
unit_scp_libs = libcommon.la $(CMOCKA_LIBS) $(CRYPTO_LIBS)
UNIT_TESTS += $(unit_scp)
tests_unit_test_scp_SOURCES = tests/unit/test_scp.c tests/unit/scp_help.h
tests_unit_test_scp_CFLAGS = $(unit_scp_cflags)
tests_unit_test_scp_LDADD = $(unit_scp_libs)
tests_unit_test_scp_session_SOURCES = tests/unit/test_scp_session.c
tests_unit_test_scp_session_CFLAGS = $(unit_scp_cflags)
tests_unit_test_scp_session_LDADD = $(unit_scp_libs)
tests_unit_test_scp_host_SOURCES = tests/unit/test_scp_host.c
tests_unit_test_scp_host_CFLAGS = $(unit_scp_cflags)
tests_unit_test_scp_host_LDADD = $(unit_scp_libs)

UNIT_TESTS += test_driver_pin_advice
test_driver_pin_advice_SOURCES = tests/unit/test_driver_pin_advice.c
test_driver_pin_advice_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS) -DCATALOGUES='"$(abs_top_builddir)/locale"'
test_driver_pin_advice_LDADD = libukeycore.la libcommon.la $(CMOCKA_LIBS)

UNIT_TESTS += test_driver_attest
test_driver_attest_SOURCES = tests/unit/test_driver_attest.c tests/unit/attest_help.h
test_driver_attest_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS) $(CRYPTO_CFLAGS)
test_driver_attest_LDADD = libukeycore.la libcommon.la $(CRYPTO_LIBS) $(CMOCKA_LIBS)

# PIV cards.
UNIT_TESTS += tests/unit/test_piv_answer tests/unit/test_piv_object tests/unit/test_piv_inflate tests/unit/test_piv_talk
tests_unit_test_piv_answer_SOURCES = tests/unit/test_piv_answer.c tests/unit/piv_text.h
tests_unit_test_piv_answer_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_piv_answer_LDADD = libukeycore.la libcommon.la $(CMOCKA_LIBS)
tests_unit_test_piv_object_SOURCES = tests/unit/test_piv_object.c
tests_unit_test_piv_object_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(ZLIB_CFLAGS)
tests_unit_test_piv_object_LDADD = libukeycore.la libcommon.la $(CMOCKA_LIBS) $(ZLIB_LIBS)
tests_unit_test_piv_talk_SOURCES = tests/unit/test_piv_talk.c
tests_unit_test_piv_talk_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_piv_talk_LDADD = libukeycore.la libcommon.la $(CMOCKA_LIBS)
tests_unit_test_piv_inflate_SOURCES = tests/unit/test_piv_inflate.c
tests_unit_test_piv_inflate_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(ZLIB_CFLAGS)
tests_unit_test_piv_inflate_LDADD = libukeycore.la libcommon.la $(CMOCKA_LIBS) $(ZLIB_LIBS)
