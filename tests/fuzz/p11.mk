# SPDX-License-Identifier: Apache-2.0
# Programs of PKCS#11 calls, for the fuzz target and for the comparison with SoftHSM.
noinst_LTLIBRARIES += libp11program.la
libp11program_la_SOURCES = \
	tests/fuzz/p11_program.c tests/fuzz/p11_program.h \
	tests/fuzz/p11_call.c tests/fuzz/p11_sessions.c tests/fuzz/p11_returns.c \
	tests/fuzz/p11_arguments.c tests/fuzz/p11_mechanisms.c
p11_program_ldadd = libp11program.la libp11core.la $(loop_ldadd)
