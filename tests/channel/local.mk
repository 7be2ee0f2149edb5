# SPDX-License-Identifier: Apache-2.0
# What an attacker tries: in the test's own process (CHANNEL_TESTS), and the tools of the scripts in this folder.
if HAVE_CMOCKA
noinst_LTLIBRARIES += libtarget.la
libtarget_la_SOURCES = \
	tests/channel/target.c tests/channel/target.h \
	tests/channel/tunnel.c tests/channel/tunnel.h
libtarget_la_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(CRYPTO_CFLAGS)
target_ldadd = libtarget.la $(ramtoken_ldadd) $(CMOCKA_LIBS)

CHANNEL_TESTS += tests/channel/test_guesses
tests_channel_test_guesses_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_channel_test_guesses_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=bytes_equal_secret
tests_channel_test_guesses_LDADD = $(target_ldadd)

CHANNEL_TESTS += tests/channel/test_replay
tests_channel_test_replay_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_channel_test_replay_LDADD = $(target_ldadd)

endif
