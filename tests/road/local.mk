# SPDX-License-Identifier: Apache-2.0
# Programs of the road's scripts.
check_PROGRAMS += tests/road/p11_program
tests_road_p11_program_SOURCES = tests/road/p11_program.c tests/lib/watchdog.c tests/lib/watchdog.h
tests_road_p11_program_LDADD = -ldl -lpthread
check_PROGRAMS += tests/road/pcsc_crowd
tests_road_pcsc_crowd_SOURCES = tests/road/pcsc_crowd.c tests/lib/watchdog.c tests/lib/watchdog.h
tests_road_pcsc_crowd_LDADD = libukeycore.la libcommon.la -lpthread
