# SPDX-License-Identifier: Apache-2.0
EXTRA_DIST += doc/architecture.md doc/token-protocol.md
EXTRA_DIST += doc/helpdesk.md doc/factory.md doc/security.md doc/clients.md doc/pains.md
EXTRA_DIST += doc/benchmarks.md
EXTRA_DIST += doc/usb.md
dist_man_MANS += doc/ukey-helpdesk.1 doc/openukey.conf.5
