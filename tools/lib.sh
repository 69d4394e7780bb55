# Shared by the set-up scripts: messages, hashes, a Python that has pip, pinned
# downloads. Sourced with the working directory at the top of the tree. Knows
# nothing of what is fetched; never names a package index or a mirror, the
# machine's own pip and apt configuration decide where things come from.

cache=build/cache

say() { printf '  %-5s %s\n' "$1" "$2"; }
die() { printf '%s: %s\n' "${0##*/}" "$1" >&2; shift
	for hint do printf '  %s\n' "$hint" >&2; done; exit 1; }

# has_hash FILE SHA256
has_hash() { [ -f "$1" ] && [ "$(sha256sum <"$1")" = "$2  -" ]; }

# put FILE TARGET: copies unless equal, so that nothing is rebuilt for a new date
put() {
	cmp -s "$1" "$2" && return
	mkdir -p "${2%/*}"
	cp "$1" "$2.part" && mv -f "$2.part" "$2"
}

# cached FILE SHA256: true when build/cache has it; a damaged copy is removed
cached() {
	has_hash "$cache/$1" "$2" && return
	[ ! -e "$cache/$1" ] || { say HASH "$1 in $cache is damaged, fetching it again"
		rm -f "$cache/$1"; }
	return 1
}

# Several Pythons may be on PATH, and the first may lack pip.
find_python() {
	for python in python3 /usr/bin/python3; do
		"$python" -c 'import sys, pip, venv, ensurepip
sys.exit(sys.version_info < (3, 11))' 2>/dev/null && return
	done
	return 1
}

# fetch_wheel NAME==VERSION FILE SHA256 [pip option...]
# The options fix Python version, ABI and platform, so that every machine gets
# the same file and one hash pins it.
fetch_wheel() {
	req=$1 file=$2 sha=$3
	shift 3
	cached "$file" "$sha" && return
	find_python || die 'no python3 (3.11 or newer) with pip and venv found' \
		'install python3, python3-pip and python3-venv'
	say FETCH "$req"
	tmp=$cache/part.$$
	mkdir -p "$tmp"
	"$python" -m pip download -q --disable-pip-version-check --no-deps \
		--only-binary=:all: "$@" -d "$tmp" "$req" >&2 || { rm -rf "$tmp"
		die "cannot fetch $req" "is the network there? Otherwise put the file" \
			"$file" "sha256 $sha" "into $cache/ and run this again"; }
	has_hash "$tmp/$file" "$sha" || { got=$(cd "$tmp" && sha256sum ./*); rm -rf "$tmp"
		die "$req is not the pinned file" "wanted $sha  $file" "got    $got"; }
	mv "$tmp/$file" "$cache/$file"
	rm -rf "$tmp"
}

# unpack WHEEL MEMBER TARGET
unpack() {
	find_python || die 'no python3 found to unpack a wheel with'
	"$python" - "$cache/$1" "$2" "$cache/member.$$" <<-'END'
		import sys, zipfile
		wheel, member, target = sys.argv[1:]
		open(target, "wb").write(zipfile.ZipFile(wheel).read(member))
	END
	put "$cache/member.$$" "$3"
	rm -f "$cache/member.$$"
}
