#!/bin/sh
# Puts the parts of the man pages that come from the program's tables into them:
#   tools/man.sh [PROGRAM]          rewrite the pages
#   tools/man.sh --check [PROGRAM]  only say (status 1) which are out of date
# A part stands between `.\" generated: PART [SUB-COMMAND]` and `.\" end`.
cd "$(dirname "$0")/.." || exit 2
check=
if [ "$1" = --check ]; then
	check=1
	shift
fi
program=${1:-build/qdebug}
new=$(mktemp) || exit 2
trap 'rm -f "$new"' EXIT
old=0
for page in man/*.1; do
	awk -v program="$program" '
	/^\.\\" generated: / {
		print
		command = program " " $4 " --print-man-" $3
		lines = 0
		while ((command | getline line) > 0) {
			print line
			lines++
		}
		if (close(command) || !lines)
			failed = 1
		skip = 1
		next
	}
	/^\.\\" end$/ { skip = 0 }
	!skip
	END { exit failed }' "$page" >"$new" || {
		echo "$program does not print the parts of $page" >&2
		exit 2
	}
	cmp -s "$new" "$page" && continue
	if [ -n "$check" ]; then
		diff "$new" "$page"
		echo "$page is out of date: run tools/man.sh" >&2
		old=1
	else
		cat "$new" >"$page"
	fi
done
exit $old
