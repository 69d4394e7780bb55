#!/bin/sh
# Puts the parts of man/qdebug.1 that come from the program's tables into the page:
#   tools/man.sh [PROGRAM]          rewrite the page
#   tools/man.sh --check [PROGRAM]  only say (status 1) that the page is out of date
cd "$(dirname "$0")/.." || exit 2
check=
if [ "$1" = --check ]; then
	check=1
	shift
fi
program=${1:-build/qdebug}
page=man/qdebug.1
new=$(mktemp) || exit 2
trap 'rm -f "$new"' EXIT
awk -v program="$program" '
/^\.\\" generated: / {
	print
	command = program " --print-man-" $3
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
END { exit failed }' $page >"$new" || {
	echo "$program does not print the parts of the man page" >&2
	exit 2
}
cmp -s "$new" $page && exit 0
if [ -n "$check" ]; then
	diff "$new" $page
	echo "$page is out of date: run tools/man.sh" >&2
	exit 1
fi
cat "$new" >$page
