# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: Apache-2.0
# One cmocka program a source file: plain, under ASan and UBSan, and under valgrind where that is quick enough.
unit_builds="gcc asan"
# Too slow under valgrind: what they run, others run there too.
valgrind_slow="test_hal test_desk_record"

unit_plan()
{
	local program
	plan_programs unit gcc UNIT_TESTS
	plan_programs unit asan UNIT_TESTS
	for program in $(build_list gcc UNIT_TESTS); do
		case " $valgrind_slow " in
		*" $(basename "$program") "*) continue ;;
		esac
		TIMEOUT=1800 plan "unit/valgrind/$(basename "$program")" cmocka "$top/build/check-gcc/libtool" --quiet --mode=execute \
			valgrind --quiet --leak-check=full --errors-for-leak-kinds=definite --error-exitcode=99 \
			"$top/build/check-gcc/$program"
	done
}
