#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A pinentry that answers by the book. PINENTRY_USER_DATA names a folder: the n-th start reads line n of its file
# "answers"; what was said to it stands in "log" afterwards, a line of "--" before each start.
#	pin TEXT | slow SECONDS TEXT	the answer, escaped already
#	told TEXT			the same, as soon as the folder has a file "go"
#	twice TEXT			the same, and it says that it was typed twice
#	pieces TEXT			in two lines of data, with a status and a comment around them
#	knows-nothing TEXT		refuses all but GETPIN
#	quality TEXT			asks how good TEXT is, then answers with it
#	error NUMBER			a libgpg-error number
#	empty | die | mute | garbage | flood | hang | deaf	deaf: hangs, and takes no SIGTERM
dir=${PINENTRY_USER_DATA:?a folder}
count=$(($(cat "$dir/count" 2>/dev/null) + 1))
echo "$count" >"$dir/count"
echo -- >>"$dir/log"
read -r what text < <(sed -n "${count}p" "$dir/answers")
if [ "$what" = mute ]; then
	exec sleep 60
fi
echo "OK Pleased to meet you"

get_pin()
{
	case $what in
	pin) printf 'D %s\nOK\n' "$text" ;;
	slow)
		sleep "${text%% *}"
		printf 'D %s\nOK\n' "${text#* }"
		;;
	told)
		until [ -e "$dir/go" ]; do sleep 0.02; done
		printf 'D %s\nOK\n' "$text"
		;;
	twice) printf 'S PIN_REPEATED\nD %s\nOK\n' "$text" ;;
	pieces) printf 'S KEEPALIVE 1\n# hm\nD %s\nD %s\r\nS BUTTON_INFO none\nOK done\n' "${text:0:2}" "${text:2}" ;;
	knows-nothing) printf 'D %s\nOK\n' "$text" ;;
	quality)
		echo "INQUIRE QUALITY $text"
		while read -r line && echo "$line" >>"$dir/log"; do
			case $line in END | CAN) break ;; esac
		done
		printf 'D %s\nOK\n' "$text"
		;;
	error) echo "ERR $text somehow" ;;
	empty) echo OK ;;
	garbage) echo "HTTP/1.1 200" ;;
	flood) head -c 5000 /dev/zero | tr '\0' x ;;
	hang) exec sleep 60 ;;
	deaf)
		trap '' TERM
		exec sleep 60
		;;
	*) exit 1 ;;
	esac
}

while read -r line; do
	echo "$line" >>"$dir/log"
	case $line in
	GETPIN) get_pin ;;
	BYE) echo OK && exit ;;
	*) if [ "$what" = knows-nothing ]; then echo "ERR 536871187 Unknown command"; else echo OK; fi ;;
	esac
done
