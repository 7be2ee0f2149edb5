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

CHANNEL_TESTS += tests/channel/test_relay
tests_channel_test_relay_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(CRYPTO_CFLAGS)
tests_channel_test_relay_LDADD = $(driver_bench_ldadd)
endif

check_PROGRAMS += tests/channel/secret_search
tests_channel_secret_search_SOURCES = tests/channel/secret_search.c
tests_channel_secret_search_CFLAGS = $(AM_CFLAGS) $(CRYPTO_CFLAGS)
tests_channel_secret_search_LDADD = $(CRYPTO_LIBS)

# The other program on the reader, on winscard itself.
check_PROGRAMS += tests/channel/outsider
tests_channel_outsider_SOURCES = tests/channel/outsider.c tests/channel/tunnel.c tests/channel/tunnel.h
tests_channel_outsider_CFLAGS = $(AM_CFLAGS) $(PCSC_CFLAGS) $(CRYPTO_CFLAGS)
tests_channel_outsider_LDADD = libcommon.la $(PCSC_LIBS) $(CRYPTO_LIBS)

# An application that gets disturbed; what its memory holds.
check_PROGRAMS += tests/channel/victim tests/channel/memory_image
tests_channel_victim_SOURCES = tests/channel/victim.c
tests_channel_victim_CFLAGS = $(AM_CFLAGS) $(CRYPTO_CFLAGS)
tests_channel_victim_LDADD = libcommon.la $(CRYPTO_LIBS)
tests_channel_memory_image_SOURCES = tests/channel/memory_image.c

check_PROGRAMS += tests/channel/sign_time
tests_channel_sign_time_SOURCES = tests/channel/sign_time.c
