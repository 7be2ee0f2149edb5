# SPDX-License-Identifier: Apache-2.0
EXTRA_DIST += doc/token-protocol.md
