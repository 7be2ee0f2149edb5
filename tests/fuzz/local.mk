# SPDX-License-Identifier: Apache-2.0
# libFuzzer targets (./configure CC=clang --enable-sanitizers --enable-fuzzers). The seeds of fuzz_NAME are in corpus/NAME.
FUZZ_LINK = $(AM_LDFLAGS) -fsanitize=fuzzer

# common/
FUZZ_TARGETS += tests/fuzz/fuzz_tlv tests/fuzz/fuzz_apdu tests/fuzz/fuzz_cert
tests_fuzz_fuzz_tlv_SOURCES = tests/fuzz/fuzz_tlv.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_tlv_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_tlv_LDADD = libcommon.la
tests_fuzz_fuzz_apdu_SOURCES = tests/fuzz/fuzz_apdu.c
tests_fuzz_fuzz_apdu_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_apdu_LDADD = libcommon.la
tests_fuzz_fuzz_cert_SOURCES = tests/fuzz/fuzz_cert.c
tests_fuzz_fuzz_cert_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_cert_LDADD = libcommon.la

# Codes for the phone.
FUZZ_TARGETS += tests/fuzz/fuzz_codes
tests_fuzz_fuzz_codes_SOURCES = tests/fuzz/fuzz_codes.c
tests_fuzz_fuzz_codes_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_codes_LDADD = libcommon.la

# The stream from vpcd.
FUZZ_TARGETS += tests/fuzz/fuzz_vpcd
tests_fuzz_fuzz_vpcd_SOURCES = tests/fuzz/fuzz_vpcd.c
tests_fuzz_fuzz_vpcd_LDADD = libukeylink.la libcommon.la
tests_fuzz_fuzz_vpcd_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer

# EST bodies, addresses and enrolment codes
FUZZ_TARGETS += tests/fuzz/fuzz_est
tests_fuzz_fuzz_est_SOURCES = tests/fuzz/fuzz_est.c
tests_fuzz_fuzz_est_CFLAGS = $(AM_CFLAGS) $(CRYPTO_CFLAGS)
tests_fuzz_fuzz_est_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_est_LDADD = libukeyra.la libcommon.la

# The firmware's commands, with power cuts among them.
FUZZ_TARGETS += tests/fuzz/fuzz_fw_command
tests_fuzz_fuzz_fw_command_SOURCES = tests/fuzz/fuzz_fw_command.c
tests_fuzz_fuzz_fw_command_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_fw_command_LDADD = $(ramtoken_ldadd)

# The PIV application's, likewise.
FUZZ_TARGETS += tests/fuzz/fuzz_piv_command
tests_fuzz_fuzz_piv_command_SOURCES = tests/fuzz/fuzz_piv_command.c
tests_fuzz_fuzz_piv_command_CFLAGS = $(AM_CFLAGS) $(CRYPTO_CFLAGS)
tests_fuzz_fuzz_piv_command_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_piv_command_LDADD = $(ramtoken_ldadd)

# What a token tells libukey.
FUZZ_TARGETS += tests/fuzz/fuzz_directory tests/fuzz/fuzz_token_answer tests/fuzz/fuzz_device_chain
tests_fuzz_fuzz_directory_SOURCES = tests/fuzz/fuzz_directory.c
tests_fuzz_fuzz_directory_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_directory_LDADD = libukeycore.la libcommon.la
tests_fuzz_fuzz_token_answer_SOURCES = tests/fuzz/fuzz_token_answer.c
tests_fuzz_fuzz_token_answer_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_token_answer_LDADD = libukeycore.la libcommon.la
tests_fuzz_fuzz_device_chain_SOURCES = tests/fuzz/fuzz_device_chain.c
tests_fuzz_fuzz_device_chain_CPPFLAGS = $(AM_CPPFLAGS) -DFUZZ_ROOT='"$(abs_top_srcdir)/tests/fuzz/device_chain_root.pem"'
tests_fuzz_fuzz_device_chain_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_device_chain_LDADD = libukeycore.la libcommon.la

# What a PIV card tells it: parsers, and all operations of the card driver.
FUZZ_TARGETS += tests/fuzz/fuzz_piv_answer tests/fuzz/fuzz_piv_card
tests_fuzz_fuzz_piv_card_SOURCES = tests/fuzz/fuzz_piv_card.c
tests_fuzz_fuzz_piv_card_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_piv_card_LDADD = libukeycore.la libcommon.la
tests_fuzz_fuzz_piv_answer_SOURCES = tests/fuzz/fuzz_piv_answer.c
tests_fuzz_fuzz_piv_answer_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_piv_answer_LDADD = libukeycore.la libcommon.la

# What somebody left in the cache.
FUZZ_TARGETS += tests/fuzz/fuzz_cache
tests_fuzz_fuzz_cache_SOURCES = tests/fuzz/fuzz_cache.c
tests_fuzz_fuzz_cache_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_cache_LDADD = libukeycore.la libcommon.la

# Statements about keys.
FUZZ_TARGETS += tests/fuzz/fuzz_attestation
tests_fuzz_fuzz_attestation_SOURCES = tests/fuzz/fuzz_attestation.c
tests_fuzz_fuzz_attestation_CFLAGS = $(AM_CFLAGS) $(CRYPTO_CFLAGS)
tests_fuzz_fuzz_attestation_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_attestation_LDADD = libukeycore.la libcommon.la $(CRYPTO_LIBS)

# Both ends of the secure channel
FUZZ_TARGETS += tests/fuzz/fuzz_scp_token tests/fuzz/fuzz_scp_host
tests_fuzz_fuzz_scp_token_SOURCES = tests/fuzz/fuzz_scp_token.c tests/fuzz/fuzz_scp.h
tests_fuzz_fuzz_scp_token_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_scp_token_LDADD = libcommon.la
tests_fuzz_fuzz_scp_host_SOURCES = tests/fuzz/fuzz_scp_host.c tests/fuzz/fuzz_scp.h
tests_fuzz_fuzz_scp_host_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_scp_host_LDADD = libcommon.la

# What a pinentry says.
FUZZ_TARGETS += tests/fuzz/fuzz_assuan
tests_fuzz_fuzz_assuan_SOURCES = tests/fuzz/fuzz_assuan.c
tests_fuzz_fuzz_assuan_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_assuan_LDADD = libp11core.la libukeycore.la libcommon.la

# A USB device that lies to libukey.
FUZZ_TARGETS += tests/fuzz/fuzz_ccid_host
tests_fuzz_fuzz_ccid_host_SOURCES = tests/fuzz/fuzz_ccid_host.c
tests_fuzz_fuzz_ccid_host_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_ccid_host_LDADD = libukeycore.la libcommon.la

# Programs of PKCS#11 calls on the module.
FUZZ_TARGETS += tests/fuzz/fuzz_p11
tests_fuzz_fuzz_p11_SOURCES = tests/fuzz/fuzz_p11.c tests/fuzz/fuzz.h tests/fuzz/p11_seeds.c tests/fuzz/p11_seeds.h
tests_fuzz_fuzz_p11_CFLAGS = $(AM_CFLAGS) $(CRYPTO_CFLAGS)
tests_fuzz_fuzz_p11_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_p11_LDADD = $(p11_program_ldadd)
