# SPDX-License-Identifier: Apache-2.0
# For Debian and its children: dpkg-buildpackage needs nothing else. tests/clients/packages.sh tries the packages.
EXTRA_DIST += debian/changelog debian/control debian/copyright debian/rules debian/source/format debian/not-installed \
	debian/libukey0.install debian/libukey0.symbols debian/libukey-dev.install debian/libukey-dev.docs \
	debian/openukey-common.install debian/openukey-common.dirs debian/openukey-common.docs debian/openukey-common.postinst \
	debian/openukey-pkcs11.install debian/openukey-pkcs11.docs debian/openukey-tools.install \
	debian/openukey-emulator.install debian/openukey-emulator.docs debian/openukey-office.install debian/openukey-office.docs
EXTRA_DIST += doc/openukey.conf tests/clients/packages.sh tests/clients/packages
