# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: Apache-2.0
# Debian packages by section of tests/packages; sourced by check and quickstart.

# packages_of FILE SECTION...: the names in these sections, one a line.
packages_of()
{
	local file=$1
	shift
	awk -v want=" $* " '
		{ sub(/#.*/, "") }
		/^\[/ { gsub(/[][ \t]/, ""); on = index(want, " " $0 " "); next }
		NF && on { print $1 }' "$file"
}

# packages_missing FILE SECTION...: those of them that are not installed here.
packages_missing()
{
	local name
	for name in $(packages_of "$@"); do
		case $(dpkg-query -W -f='${db:Status-Status}' "$name" 2>/dev/null) in
		installed) ;;
		*) printf '%s\n' "$name" ;;
		esac
	done
}

# packages_install FILE SECTION...: installs what is missing as root, or says what root has to type. Returns 0 when
# everything is there afterwards.
packages_install()
{
	local missing patience=(-o Acquire::Retries=3 -o DPkg::Lock::Timeout=300)
	if ! command -v dpkg-query >/dev/null; then
		echo "This is not Debian: the packages of tests/packages can't be checked; going on with what is here." >&2
		return 0
	fi
	mapfile -t missing < <(packages_missing "$@")
	[ ${#missing[@]} -gt 0 ] || return 0
	if [ "$(id -u)" != 0 ]; then
		{
			echo "These Debian packages are missing. Have them installed by root, then run this again:"
			echo "    apt-get install --no-install-recommends ${missing[*]}"
		} >&2
		return 1
	fi
	echo "Installing ${#missing[@]} missing packages: ${missing[*]}"
	export DEBIAN_FRONTEND=noninteractive
	apt-get -q "${patience[@]}" update </dev/null >&2 || echo "apt-get update failed; trying with the lists that are here" >&2
	apt-get -q "${patience[@]}" install -y --no-install-recommends "${missing[@]}" </dev/null >&2 || {
		echo "apt-get could not install: ${missing[*]}" >&2
		return 1
	}
}
