# SPDX-License-Identifier: Apache-2.0

# The core is freestanding. A program that links it lists libfwcore.la, a hal, and libcommon.la.
noinst_LTLIBRARIES += libfwcore.la
libfwcore_la_SOURCES = \
	firmware-emu/core/access.c firmware-emu/core/access.h \
	firmware-emu/core/algorithm.c firmware-emu/core/algorithm.h \
	firmware-emu/core/cmd_admin.c firmware-emu/core/cmd_data.c \
	firmware-emu/core/cmd_factory.c \
	firmware-emu/core/cmd_attest.c \
	firmware-emu/core/cmd_import.c \
	firmware-emu/core/cmd_key.c firmware-emu/core/cmd_pin.c \
	firmware-emu/core/cmd_unlock.c \
	firmware-emu/core/config.h \
	firmware-emu/core/der.c firmware-emu/core/der.h \
	firmware-emu/core/directory.c firmware-emu/core/directory.h \
	firmware-emu/core/dispatch.c firmware-emu/core/dispatch.h \
	firmware-emu/core/factory.h \
	firmware-emu/core/fw.h firmware-emu/core/hal.h \
	firmware-emu/core/info.c \
	firmware-emu/core/journal.c firmware-emu/core/journal.h \
	firmware-emu/core/key.h \
	firmware-emu/core/messaging.c firmware-emu/core/messaging.h \
	firmware-emu/core/pin.c firmware-emu/core/pin.h \
	firmware-emu/core/piv.c firmware-emu/core/piv.h \
	firmware-emu/core/piv_about.c firmware-emu/core/piv_admin.c \
	firmware-emu/core/piv_data.c firmware-emu/core/piv_key.c \
	firmware-emu/core/piv_pin.c \
	firmware-emu/core/state.c firmware-emu/core/state.h \
	firmware-emu/core/text.c firmware-emu/core/text.h \
	firmware-emu/core/x509.c firmware-emu/core/x509.h
EXTRA_DIST += firmware-emu/core/mem.c
# The core ends here.

# The emulator: the PC's hal, the links, the program.
noinst_LTLIBRARIES += libukeyhal.la
libukeyhal_la_SOURCES = \
	firmware-emu/core/hal.h firmware-emu/hal/host.h firmware-emu/hal/state.h \
	firmware-emu/hal/host.c \
	firmware-emu/hal/flash.c \
	firmware-emu/hal/flash_file.c firmware-emu/hal/flash_file.h \
	firmware-emu/hal/key.c \
	firmware-emu/hal/key_blob.c firmware-emu/hal/key_blob.h \
	firmware-emu/hal/key_import.c firmware-emu/hal/key_import.h \
	firmware-emu/hal/latency.c firmware-emu/hal/latency.h
libukeyhal_la_CFLAGS = $(AM_CFLAGS) $(CRYPTO_CFLAGS)
libukeyhal_la_LIBADD = libukeytdes.la libcommon.la $(CRYPTO_LIBS)

# One function that every hal over OpenSSL needs, the tests' too.
noinst_LTLIBRARIES += libukeytdes.la
libukeytdes_la_SOURCES = firmware-emu/hal/tdes.c
libukeytdes_la_CFLAGS = $(AM_CFLAGS) $(CRYPTO_CFLAGS)

noinst_LTLIBRARIES += libukeylink.la
libukeylink_la_SOURCES = \
	firmware-emu/link/link.h \
	firmware-emu/link/ccid.c firmware-emu/link/ccid.h \
	firmware-emu/link/socket.c firmware-emu/link/socket.h \
	firmware-emu/link/usb_device.c firmware-emu/link/usb_device.h \
	firmware-emu/link/usbip.c \
	firmware-emu/link/usbip_wire.c firmware-emu/link/usbip_wire.h \
	firmware-emu/link/vpcd.c \
	firmware-emu/link/vpcd_stream.c firmware-emu/link/vpcd_stream.h
libukeylink_la_LIBADD = libcommon.la

# The token with its test bench; without the core, so that tests can put another there.
noinst_LTLIBRARIES += libukeyemu.la
libukeyemu_la_SOURCES = \
	firmware-emu/command.c firmware-emu/command.h \
	firmware-emu/control.c firmware-emu/control.h \
	firmware-emu/token.c firmware-emu/token.h \
	firmware-emu/wire_log.c firmware-emu/wire_log.h
libukeyemu_la_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
libukeyemu_la_LIBADD = libukeyhal.la libukeylink.la libcommon.la $(JANSSON_LIBS)

# The factory: it has a token on its bench as the emulator has.
noinst_LTLIBRARIES += libukeyfactory.la
libukeyfactory_la_SOURCES = \
	firmware-emu/factory/factory.h \
	firmware-emu/factory/ca.c firmware-emu/factory/ca.h firmware-emu/factory/ca_init.c \
	firmware-emu/factory/cert.c firmware-emu/factory/cert.h \
	firmware-emu/factory/chip.c firmware-emu/factory/chip.h \
	firmware-emu/factory/cmd_init.c firmware-emu/factory/cmd_personalize.c \
	firmware-emu/factory/ledger.c firmware-emu/factory/ledger.h \
	firmware-emu/factory/line.c firmware-emu/factory/line.h \
	firmware-emu/factory/outcome.c firmware-emu/factory/outcome.h \
	firmware-emu/factory/secret.c firmware-emu/factory/secret.h
libukeyfactory_la_CFLAGS = $(AM_CFLAGS) $(CRYPTO_CFLAGS) $(JANSSON_CFLAGS) $(P11KIT_CFLAGS)
libukeyfactory_la_LIBADD = libukeyemu.la libukeyp11uri.la libcommon.la $(CRYPTO_LIBS) $(JANSSON_LIBS)

bin_PROGRAMS += ukey-emu
ukey_emu_SOURCES = firmware-emu/main.c
ukey_emu_LDADD = libukeyfactory.la libukeyemu.la libfwcore.la libukeyhal.la libukeylink.la libcommon.la
dist_man_MANS += doc/ukey-emu.1

# For tests/tools/factory.sh.
check_PROGRAMS += tests/tools/file_token
tests_tools_file_token_SOURCES = tests/tools/file_token.c
tests_tools_file_token_CFLAGS = $(AM_CFLAGS) $(CRYPTO_CFLAGS) $(P11KIT_CFLAGS)
tests_tools_file_token_LDADD = libukeyfactory.la libukeyemu.la libfwcore.la libukeyhal.la libukeylink.la libcommon.la $(CRYPTO_LIBS)
EXTRA_DIST += tests/tools/factory.sh
# The emulator's end.
