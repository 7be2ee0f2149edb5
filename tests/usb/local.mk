# SPDX-License-Identifier: Apache-2.0
# Real libusb on a machine without USB: umockdev carries the device model (tests/usb/umock_token.c).
usb_programs =
if HAVE_UMOCKDEV
usb_programs += tests/usb/umock_token tests/usb/usb_walk
tests_usb_umock_token_SOURCES = tests/usb/umock_token.c
tests_usb_umock_token_CFLAGS = $(AM_CFLAGS) $(UMOCKDEV_CFLAGS)
tests_usb_umock_token_LDADD = libukeyemu.la libfwcore.la libukeyhal.la libukeylink.la libcommon.la $(UMOCKDEV_LIBS)
tests_usb_usb_walk_SOURCES = tests/usb/usb_walk.c
tests_usb_usb_walk_LDADD = libukeycore.la libcommon.la
endif
usb_programs += tests/usb/p11_talk
tests_usb_p11_talk_SOURCES = tests/usb/p11_talk.c
if HAVE_LIBUSB
usb_programs += tests/usb/apdu
tests_usb_apdu_SOURCES = tests/usb/apdu.c
tests_usb_apdu_CFLAGS = $(AM_CFLAGS) $(LIBUSB_CFLAGS)
tests_usb_apdu_LDADD = libukeycore.la libcommon.la $(LIBUSB_LIBS)
endif
check_PROGRAMS += $(usb_programs)
EXTRA_DIST += tests/usb/libusb.sh tests/usb/pcscd.sh tests/usb/events.sh tests/usb/services.sh tests/usb/misbehaviours.sh tests/usb/scene.sh tests/usb/road.sh
EXTRA_DIST += tests/usb/doctor.sh tests/usb/libccid_list.sh tests/usb/vm.sh tests/usb/vm
check-usb-programs: $(usb_programs) tests/channel/sign_time
