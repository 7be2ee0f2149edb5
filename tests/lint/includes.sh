#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The include rule: arrows between rooms run one way, and only a room's public header crosses its wall. The table is
# tests/lint/rooms. Before the tree is judged, the rule itself is tried on includes that it must refuse.
# shellcheck source=tests/lint/lib.sh
. "$(dirname "$0")/lib.sh"

# offences FILE...: "file:line: includes X: why", one a line. Names on standard input: "file:line:text" of includes.
offences()
{
	awk -v table="$top/tests/lint/rooms" '
		function fits(name, patterns,    list, n, i, re) {
			n = split(patterns, list, " ")
			for (i = 1; i <= n; i++) {
				re = list[i]
				gsub(/[.]/, "[.]", re)
				gsub(/[*]/, ".*", re)
				if (name ~ ("^" re "$"))
					return 1
			}
			return 0
		}
		function longest(name, set,    d, best) {
			best = ""
			for (d in set)
				if (index(name, d "/") == 1 && length(d) > length(best))
					best = d
			return best
		}
		function inside(name, d) { return d != "" && index(name, d "/") == 1 }
		BEGIN {
			while ((getline line < table) > 0) {
				if (line ~ /^#/ || line == "")
					continue
				kind = line; sub(/ .*/, "", kind)
				rest = line; sub(/^[^ ]+ /, "", rest)
				if (kind == "public") { public = public " " rest; continue }
				folder = rest; sub(/:.*/, "", folder)
				sub(/^[^:]*:/, "", rest)
				if (kind == "room") may[folder] = rest
				if (kind == "system") only[folder] = rest
				if (kind == "freestanding") free[folder] = rest
			}
		}
		{
			split($0, part, ":")
			file = part[1]; where = part[1] ":" part[2]
			text = substr($0, length(where) + 2)
			quoted = text ~ /include[ \t]*"/
			name = text
			sub(/^[^"<]*["<]/, "", name)
			sub(/[">].*$/, "", name)
			room = longest(file, may)
			if (room == "tests")
				next
			if (room == "") {
				print where ": stands in no room of tests/lint/rooms"
				next
			}
			if (!quoted) {
				owners = ""; mine = 0
				for (d in only)
					if (fits(name, only[d])) {
						owners = owners " " d
						mine = mine || inside(file, d)
					}
				if (owners != "" && !mine)
					print where ": includes <" name ">, which is only for" owners
				for (d in free)
					if (inside(file, d) && !fits(name, free[d]))
						print where ": includes <" name ">, but " d " is freestanding"
				if (name == "ukey.h" || name ~ /^(common|driver|firmware-emu)\//)
					print where ": includes <" name ">: headers of the tree are quoted, from the top"
				next
			}
			if (name == "config.h" && !inside(file, "firmware-emu/core"))
				next
			owner = longest(name, may)
			if (name ~ /\.\./ || owner == "")
				print where ": includes \"" name "\": write the path from the top of the tree"
			else if (owner == room)
				next
			else if (!fits(name, public))
				print where ": includes \"" name "\", which is inside " owner
			else if (!fits(name, may[room]))
				print where ": includes \"" name "\", and no arrow runs from " room " to " owner
		}'
}

# refused FILE INCLUDE, allowed FILE INCLUDE: the rule tried on one line.
refused()
{
	if [ -n "$(printf '%s:1:%s\n' "$1" "#include $2" | offences)" ]; then ok "$1 may not include $2"
	else bad "the rule lets $1 include $2"; fi
}

allowed()
{
	printf '%s:1:%s\n' "$1" "#include $2" | offences | judge "$1 may include $2"
}

allowed driver/token.c '"common/bytes.h"'
allowed driver/transport/pcsc.c '<winscard.h>'
allowed pkcs11/slot.c '"driver/ukey.h"'
allowed pkcs11/slot.c '"pkcs11/slot.h"'
allowed firmware-emu/link/vpcd.c '"firmware-emu/core/fw.h"'
allowed desk/store.c '<sqlite3.h>'
allowed tools/helpdesk/main.c '"desk/desk.h"'
allowed tools/helpdesk/main.c '"driver/ukey.h"'
refused common/tlv.c '"driver/ukey.h"'
refused desk/token.c '"driver/ukey.h"'
refused tools/helpdesk/main.c '"desk/private.h"'
refused tools/helpdesk/main.c '<sqlite3.h>'
refused driver/token.c '"firmware-emu/core/fw.h"'
refused driver/token.c '"pkcs11/slot.h"'
refused pkcs11/slot.c '"driver/token.h"'
refused pkcs11/slot.c '<winscard.h>'
refused tools/ukey.c '"ra/store.h"'
refused tools/ukey.c '"pkcs11/slot.h"'
refused ra/main.c '"driver/ukey.h"'
refused firmware-emu/core/store.c '"common/crypto.h"'
refused firmware-emu/core/store.c '<stdio.h>'
refused firmware-emu/core/store.c '<string.h>'
refused firmware-emu/core/store.c '"firmware-emu/hal/host.h"'
refused firmware-emu/link/vpcd.c '"firmware-emu/core/store.h"'
refused driver/token.c '"token.h"'
refused driver/token.c '"../common/bytes.h"'
refused attic/old.c '"common/bytes.h"'

tracked '*.c' '*.h' | xargs -r grep -nHE '^[[:space:]]*#[[:space:]]*include[[:space:]]*["<]' | offences |
	judge "every include of the tree follows tests/lint/rooms"
finish
