# SPDX-License-Identifier: Apache-2.0

# The emulator: the PC's hal, the links, the program.
noinst_LTLIBRARIES += libukeyhal.la
libukeyhal_la_SOURCES = \
	firmware-emu/core/hal.h firmware-emu/hal/host.h firmware-emu/hal/state.h \
	firmware-emu/hal/host.c \
	firmware-emu/hal/flash.c \
	firmware-emu/hal/flash_file.c firmware-emu/hal/flash_file.h \
	firmware-emu/hal/key.c \
	firmware-emu/hal/key_blob.c firmware-emu/hal/key_blob.h \
	firmware-emu/hal/latency.c firmware-emu/hal/latency.h
libukeyhal_la_CFLAGS = $(AM_CFLAGS) $(CRYPTO_CFLAGS)
libukeyhal_la_LIBADD = libcommon.la $(CRYPTO_LIBS)
# The emulator's end.
