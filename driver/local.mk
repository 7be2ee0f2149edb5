# SPDX-License-Identifier: Apache-2.0
# libukeycore.la: the objects of libukey for what links them statically (our modules, the tests; link libcommon.la
# after it). libukey.la: the shared library with the public header's functions only.
noinst_LTLIBRARIES += libukeycore.la
libukeycore_la_SOURCES = \
	driver/ukey.h driver/status.def driver/status.c \
	driver/context.c driver/context.h \
	driver/token.c driver/token.h \
	driver/turn.c driver/turn.h \
	driver/link.c driver/link.h \
	driver/cache.c driver/fresh.c driver/cache_file.c driver/cache_file.h \
	driver/directory.c driver/directory.h driver/directory_change.c driver/directory_change.h \
	driver/pin.c driver/manager.c driver/pin_advice.c driver/unlock.c driver/attest.c driver/attest_verify.c driver/attest.h driver/object.c driver/key.c driver/key.h driver/import.c driver/operate.c \
	driver/settings.c driver/settings.h \
	driver/log.c driver/log.h \
	driver/trust.c driver/trust.h \
	driver/channel.c driver/channel.h \
	driver/protect.c driver/protect.h \
	driver/devices.c driver/devices.h \
	driver/folder.c driver/folder.h \
	driver/text.c driver/text.h \
	driver/usb_ids.c driver/usb_ids.def \
	driver/card/card.h driver/card/ukey_card.c driver/card/info.c driver/card/sw.c \
	driver/card/piv.c driver/card/piv.h driver/card/piv_read.c driver/card/piv_look.c driver/card/piv_slot.c driver/card/piv_slot.h driver/card/piv_manage.c driver/card/piv_manage.h driver/card/piv_placeholder.c driver/card/piv_placeholder.h \
	driver/card/piv_sw.c driver/card/piv_cannot.c driver/card/piv_cannot.h \
	driver/card/piv_object.c driver/card/piv_object.h driver/card/piv_key.c driver/card/piv_yubico.c \
	driver/card/piv_inflate.c driver/card/piv_inflate.h \
	driver/transport/transport.h driver/transport/transport.c driver/transport/pcsc.c \
	driver/transport/clock.c driver/transport/clock.h \
	driver/transport/pcsc_call.c driver/transport/pcsc_call.h \
	driver/transport/ccid.c driver/transport/ccid_describe.c driver/transport/ccid.h
libukeycore_la_CFLAGS = $(AM_CFLAGS) $(PCSC_CFLAGS) $(CRYPTO_CFLAGS) $(ZLIB_CFLAGS)
libukeycore_la_LIBADD = $(PCSC_LIBS) $(CRYPTO_LIBS) $(ZLIB_LIBS)
usb_sources = \
	driver/transport/roads.c \
	driver/transport/usb.c driver/transport/usb.h \
	driver/transport/usb_device.c driver/transport/usb_device.h \
	driver/transport/usb_list.c driver/transport/usb_list.h
if HAVE_LIBUSB
libukeycore_la_SOURCES += $(usb_sources)
libukeycore_la_CFLAGS += $(LIBUSB_CFLAGS)
libukeycore_la_LIBADD += $(LIBUSB_LIBS)
else
EXTRA_DIST += $(usb_sources)
endif

lib_LTLIBRARIES += libukey.la
libukey_la_SOURCES =
libukey_la_LIBADD = libukeycore.la libcommon.la
libukey_la_LDFLAGS = $(AM_LDFLAGS) -version-info 0:0:0 -no-undefined

include_HEADERS += driver/ukey.h
pkgconfig_DATA += driver/libukey.pc

# Who may use the USB device: udev's rule, of the same table.
udevrules_DATA = driver/70-openukey.rules
CLEANFILES += driver/70-openukey.rules
EXTRA_DIST += driver/70-openukey.rules.in
driver/70-openukey.rules: driver/70-openukey.rules.in driver/usb_ids.def
	$(AM_V_GEN)$(MKDIR_P) driver && $(AWK) ' \
	FNR == NR && /^USB_ID\(/ { split(tolower($$0), id, /0x|,/); split($$0, name, /"/); \
		rows = rows "# " name[2] "\nATTR{idVendor}==\"" id[2] "\", ATTR{idProduct}==\"" id[4] "\", " \
		"ENV{ID_SMARTCARD_READER}=\"1\", TAG+=\"uaccess\"\n" } \
	FNR == NR { next } \
	/^@IDS@$$/ { printf "%s", rows; next } \
	{ print }' $(srcdir)/driver/usb_ids.def $(srcdir)/driver/70-openukey.rules.in >$@.new && mv $@.new $@
