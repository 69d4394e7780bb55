#!/bin/sh
# What the compiler does not check: layers, headers that compile alone, functions
# that are banned, libraries that only one folder may know. Prints TAP.
# CHECK_CC: compiler and flags, as the shell reads them.
cd "$(dirname "$0")/../.." || exit 1
n=0 bad=0
sources=$(find src ui store include -name '*.[ch]' | sort)

# result NAME COMPLAINTS
result() {
	n=$((n + 1))
	if [ -z "$2" ]; then
		echo "ok $n - $1"
	else
		bad=$((bad + 1))
		echo "not ok $n - $1"
		echo "$2" | sed 's/^/# /'
	fi
}

# shellcheck disable=SC2086 # one word per file
result layers_include_only_what_the_table_allows \
	"$(awk -f tests/lint/layers.awk tests/lib/layers.txt $(echo "$sources" | grep -v ^include/))"

# shellcheck disable=SC2086
result no_banned_functions "$(grep -nE \
	'(^|[^A-Za-z0-9_])(strcpy|strcat|sprintf|vsprintf|strtok|gets|atoi)[[:space:]]*\(' $sources)"

# library header, the only folder that includes it
while read -r header folder; do
	# shellcheck disable=SC2086
	result "only_${folder}_includes_$header" "$(grep -nE \
		"^[[:space:]]*#[[:space:]]*include[[:space:]]+<([a-z0-9_-]+/)?n?$header\.h>" \
		$(echo "$sources" | grep -v "^$folder/") /dev/null)"
done <<-END
	curses ui/tui
	sqlite3 store
	onnxruntime_c_api src/engine
END

headers=$(echo "$sources" | grep '\.h$')
# shellcheck disable=SC2034 # used by eval
for header in $headers; do
	result "$header compiles alone" "$(echo '#include "'"$header"'"' |
		eval "${CHECK_CC:-cc -std=c11 -Iinclude -Isrc -Iui -I. -Ibuild/gen}" \
		-Werror -fsyntax-only -x c - 2>&1)"
done
echo "1..$n"
[ $bad = 0 ]
