# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: Apache-2.0
# The builds that the groups stand on, each out of tree in build/check-NAME; sourced by check.
# Uses: top, logs, lanes.

declare -A build_state

build_configure_options()
{
	case $1 in
	gcc) echo "CC=gcc --enable-werror --prefix=/usr --sysconfdir=/etc --localstatedir=/var" ;;
	clang) echo "CC=clang --enable-werror" ;;
	asan) echo "CC=gcc --enable-werror --enable-sanitizers" ;;
	tsan) echo "CC=gcc --enable-werror --enable-sanitizers=thread" ;;
	fuzz) echo "CC=clang --enable-werror --enable-sanitizers --enable-fuzzers" ;;
	*) return 1 ;;
	esac
}

# build_bootstrap: ./configure, when it is missing or older than what it is made of.
build_bootstrap()
{
	if [ -e "$top/config.status" ]; then
		echo "This tree was configured in place, and make refuses to build elsewhere then: run 'make distclean' first." >&2
		return 1
	fi
	if [ ! -e "$top/configure" ] || [ ! -e "$top/Makefile.in" ] || [ ! -e "$top/build-aux/ltmain.sh" ] ||
		[ -n "$(find "$top/configure.ac" "$top/Makefile.am" "$top"/*/local.mk "$top"/tests/*/local.mk \
			-newer "$top/Makefile.in" 2>/dev/null)" ]; then
		(cd "$top" && autoreconf -fi) >"$logs/autoreconf.log" 2>&1 || {
			echo "autoreconf failed:" >&2
			tail -n 20 "$logs/autoreconf.log" >&2
			return 1
		}
	fi
}

build_steps()
{
	local dir=$1 options
	options=$(build_configure_options "$2") || return 1
	mkdir -p "$dir" && cd "$dir" || return 1
	if [ ! -e config.status ]; then
		# shellcheck disable=SC2086 # the options are words
		"$top/configure" --silent $options || return 1
	fi
	if [ "$2" = tsan ]; then # only what runs in several threads: the rest has nothing to say to it
		# shellcheck disable=SC2046 # the targets are words
		make -j"$lanes" $(make -s --no-print-directory print-THREAD_TESTS) $(make -s --no-print-directory print-MINUTE_TESTS)
		return
	fi
	make -j"$lanes" all && make -j"$lanes" check TESTS=
}

# build NAME: builds it once; remembers the outcome in build_state[NAME] (ok or failed).
build()
{
	local name=$1 start=$SECONDS log=$logs/build-$1.log
	[ -z "${build_state[$name]:-}" ] || return 0
	if (build_steps "$top/build/check-$name" "$name") >"$log" 2>&1 </dev/null 9>&-; then
		build_state[$name]=ok
		echo "1 1 0 0 build/$name" >>"$results"
		report ok "build/$name" "$((SECONDS - start))" ""
	else
		build_state[$name]=failed
		report FAIL "build/$name" "$((SECONDS - start))" "log: ${log#"$top/"}"
		grep -nE 'error|Error|undefined' "$log" | head -n 12 | sed 's/^/    | /'
		tail -n 5 "$log" | sed 's/^/    | /'
		echo "1 0 1 0 build/$name" >>"$results"
	fi
}

# build_list NAME VARIABLE: the words of a make variable of that build.
build_list()
{
	make -s --no-print-directory -C "$top/build/check-$1" "print-$2" 2>/dev/null
}
