# SPDX-License-Identifier: Apache-2.0
EXTRA_DIST += doc/architecture.md doc/token-protocol.md
