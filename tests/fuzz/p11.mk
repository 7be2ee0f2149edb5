# SPDX-License-Identifier: Apache-2.0
# Programs of PKCS#11 calls, for the fuzz target and for the comparison with SoftHSM.
noinst_LTLIBRARIES += libp11program.la
libp11program_la_SOURCES = \
	tests/fuzz/p11_program.c tests/fuzz/p11_program.h \
	tests/fuzz/p11_call.c tests/fuzz/p11_sessions.c tests/fuzz/p11_returns.c \
	tests/fuzz/p11_arguments.c tests/fuzz/p11_mechanisms.c
p11_program_ldadd = libp11program.la libp11core.la $(loop_ldadd)

check_PROGRAMS += tests/clients/softhsm_oracle
tests_clients_softhsm_oracle_SOURCES = tests/clients/softhsm_oracle.c
tests_clients_softhsm_oracle_CFLAGS = $(AM_CFLAGS) $(CRYPTO_CFLAGS)
tests_clients_softhsm_oracle_LDADD = $(p11_program_ldadd) -ldl
EXTRA_DIST += tests/clients/softhsm_differences tests/clients/softhsm.sh
