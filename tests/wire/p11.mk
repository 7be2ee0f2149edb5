# SPDX-License-Identifier: Apache-2.0
# The PKCS#11 module on in-process tokens.
noinst_LTLIBRARIES += libp11bench.la
libp11bench_la_SOURCES = tests/wire/p11_bench.c tests/wire/p11_bench.h
libp11bench_la_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(CRYPTO_CFLAGS)
p11_bench_ldadd = libp11bench.la libp11core.la $(loop_ldadd) $(CMOCKA_LIBS)

WIRE_TESTS += tests/wire/test_p11_calls
tests_wire_test_p11_calls_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_wire_test_p11_calls_LDADD = $(p11_bench_ldadd)
WIRE_TESTS += tests/wire/test_p11_state
tests_wire_test_p11_state_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_wire_test_p11_state_LDADD = $(p11_bench_ldadd)
WIRE_TESTS += tests/wire/test_p11_objects
tests_wire_test_p11_objects_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_wire_test_p11_objects_LDADD = $(p11_bench_ldadd)
WIRE_TESTS += tests/wire/test_p11_classes
tests_wire_test_p11_classes_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_wire_test_p11_classes_LDADD = $(p11_bench_ldadd)
WIRE_TESTS += tests/wire/test_p11_find
tests_wire_test_p11_find_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_wire_test_p11_find_LDADD = $(p11_bench_ldadd)
WIRE_TESTS += tests/wire/test_p11_rules
tests_wire_test_p11_rules_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_wire_test_p11_rules_LDADD = $(p11_bench_ldadd)
WIRE_TESTS += tests/wire/test_p11_crypto
tests_wire_test_p11_crypto_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_wire_test_p11_crypto_LDADD = $(p11_bench_ldadd)
WIRE_TESTS += tests/wire/test_p11_threads
tests_wire_test_p11_threads_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_wire_test_p11_threads_LDADD = $(p11_bench_ldadd)
WIRE_TESTS += tests/wire/test_p11_pinentry
tests_wire_test_p11_pinentry_CPPFLAGS = $(AM_CPPFLAGS) -DFAKE_PINENTRY='"$(abs_top_srcdir)/tests/lib/fake_pinentry.sh"'
tests_wire_test_p11_pinentry_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_wire_test_p11_pinentry_LDADD = $(p11_bench_ldadd)
EXTRA_DIST += tests/lib/fake_pinentry.sh
# The same on tokens from the factory, inside the secure channel (tests/wire/trusted.h).
WIRE_TESTS += tests/wire/personal_p11_calls
tests_wire_personal_p11_calls_SOURCES = tests/wire/test_p11_calls.c
tests_wire_personal_p11_calls_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_wire_personal_p11_calls_LDADD = $(p11_bench_ldadd)
WIRE_TESTS += tests/wire/personal_p11_state
tests_wire_personal_p11_state_SOURCES = tests/wire/test_p11_state.c
tests_wire_personal_p11_state_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_wire_personal_p11_state_LDADD = $(p11_bench_ldadd)
WIRE_TESTS += tests/wire/personal_p11_objects
tests_wire_personal_p11_objects_SOURCES = tests/wire/test_p11_objects.c
tests_wire_personal_p11_objects_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_wire_personal_p11_objects_LDADD = $(p11_bench_ldadd)
WIRE_TESTS += tests/wire/personal_p11_crypto
tests_wire_personal_p11_crypto_SOURCES = tests/wire/test_p11_crypto.c
tests_wire_personal_p11_crypto_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_wire_personal_p11_crypto_LDADD = $(p11_bench_ldadd)
WIRE_TESTS += tests/wire/personal_p11_threads
tests_wire_personal_p11_threads_SOURCES = tests/wire/test_p11_threads.c
tests_wire_personal_p11_threads_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_wire_personal_p11_threads_LDADD = $(p11_bench_ldadd)

# Tokens that come and go, and many threads for long; with a watchdog.
WIRE_TESTS += tests/wire/test_p11_plug tests/wire/personal_p11_plug
tests_wire_test_p11_plug_SOURCES = tests/wire/test_p11_plug.c tests/lib/watchdog.c tests/lib/watchdog.h
tests_wire_test_p11_plug_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_wire_test_p11_plug_LDADD = $(p11_bench_ldadd)
tests_wire_personal_p11_plug_SOURCES = $(tests_wire_test_p11_plug_SOURCES)
tests_wire_personal_p11_plug_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_wire_personal_p11_plug_LDADD = $(p11_bench_ldadd)
WIRE_TESTS += tests/wire/test_p11_storm tests/wire/personal_p11_storm
tests_wire_test_p11_storm_SOURCES = tests/wire/test_p11_storm.c tests/lib/watchdog.c tests/lib/watchdog.h
tests_wire_test_p11_storm_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_wire_test_p11_storm_LDADD = $(p11_bench_ldadd)
tests_wire_personal_p11_storm_SOURCES = $(tests_wire_test_p11_storm_SOURCES)
tests_wire_personal_p11_storm_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_wire_personal_p11_storm_LDADD = $(p11_bench_ldadd)
WIRE_TESTS += tests/wire/test_p11_import tests/wire/personal_p11_import
tests_wire_test_p11_import_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(CRYPTO_CFLAGS)
tests_wire_test_p11_import_LDADD = $(p11_bench_ldadd) $(CRYPTO_LIBS)
tests_wire_personal_p11_import_SOURCES = tests/wire/test_p11_import.c
tests_wire_personal_p11_import_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(CRYPTO_CFLAGS)
tests_wire_personal_p11_import_LDADD = $(p11_bench_ldadd) $(CRYPTO_LIBS)
# Secret keys on the host.
WIRE_TESTS += tests/wire/test_p11_cipher
tests_wire_test_p11_cipher_SOURCES = tests/wire/test_p11_cipher.c tests/wire/secret_bench.h
tests_wire_test_p11_cipher_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_wire_test_p11_cipher_LDADD = $(p11_bench_ldadd)
