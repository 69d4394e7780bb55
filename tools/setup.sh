#!/bin/sh
# Makes a Debian 12 or 13 able to build, run and test qdebug.
#
# 1. Debian packages: only those whose use is missing are installed (as root, or
#    through sudo); when nothing is missing apt is not called.
# 2. Components that Debian 12 lacks, or that must be the same everywhere, each
#    pinned by version and SHA-256, kept in build/cache, checked again whenever
#    they are used, laid out in build/deps. With a full cache no network is used.
# 3. build/deps/flags.mk: what pkg-config says, read by the Makefile.
#
# ONNXRUNTIME_DIR=DIR       use an unpacked ONNX Runtime release (include/, lib/)
# ONNXRUNTIME=pkg-config    use the installed package libonnxruntime
set -eu
cd "$(dirname "$0")/.."
. tools/lib.sh

deps=build/deps
min_api=21	# first API version with all that src/engine calls
engine=${ONNXRUNTIME_DIR:+dir $ONNXRUNTIME_DIR}
engine=${engine:-${ONNXRUNTIME:-wheel}}
own_engine='set ONNXRUNTIME_DIR to an unpacked ONNX Runtime release'

# how to see that it is there, and the package that brings it
packages='
cmd   gcc              gcc
cmd   make             make
cmd   pkg-config       pkg-config
cmd   protoc-c         protobuf-c-compiler
file  /usr/include/stdio.h  libc6-dev
lib   ncursesw         libncurses-dev
lib   libprotobuf-c    libprotobuf-c-dev
lib   sqlite3          libsqlite3-dev
lib   libzip           libzip-dev
lib   nettle           nettle-dev
lib   jansson          libjansson-dev
lib   cmocka           libcmocka-dev
cmd   tmux             tmux
cmd   groff            groff-base
py    pip              python3-pip
py    ensurepip        python3-venv
'

# pinned: what, its SHA-256, its name in build/cache
header_package=libonnxruntime-dev
header_sha=7783e9664bdb0b1b36145b5c8587dd1bc9a399aa000edf2e3dd03003cafc6882
header_file=onnxruntime_c_api-1.21.0.h
library=onnxruntime==1.32.0
library_sha=99e1074c4b2197accd5073052a465361be17b89c093b8ffb6e6bd8f986c52df8
library_file=onnxruntime-1.32.0-cp312-cp312-manylinux_2_28_x86_64.whl
schema=onnx==1.23.2
schema_sha=7abf381d278f31ac62487fddedc9dd42da842dce94d5d43536836ee3efdf4a2b
schema_file=onnx-1.23.2-cp312-abi3-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl

have() {
	case $1 in
	cmd)  command -v "$2" ;;
	file) [ -e "$2" ] ;;
	lib)  pkg-config --exists "$2" ;;
	py)   find_python || /usr/bin/python3 -c "import $2" ;;
	esac >/dev/null 2>&1
}

missing_packages() {
	printf '%s' "$packages" | while read -r kind what package; do
		[ -z "$kind" ] || have "$kind" "$what" || printf '%s ' "$package"
	done
}

# A machine without the package ca-certificates may have a bundle put there by hand,
# for a proxy or a mirror of its own. python3-pip brings the package, which writes
# its own bundle over it, and pip would then trust nobody it needs.
bundle=/etc/ssl/certs/ca-certificates.crt
keep_bundle() {
	kept=
	[ -f $bundle ] || return 0
	case $(dpkg-query -W -f '${db:Status-Status}' ca-certificates 2>/dev/null) in
	installed) return 0 ;;
	esac
	kept=$PWD/$cache/ca-certificates.crt
	cp $bundle "$kept"
}

restore_bundle() {
	[ -n "$kept" ] || return 0
	cmp -s "$kept" $bundle || {
		say KEEP "$bundle as it was before apt-get replaced it"
		$sudo install -m 644 "$kept" $bundle
	}
	rm -f "$kept"
}

install_packages() {
	missing=$(missing_packages)
	[ -n "$missing" ] || return 0
	say APT "$missing"
	command -v apt-get >/dev/null || die "missing: $missing" \
		'install what these Debian packages hold with the tools of this system'
	sudo=
	[ "$(id -u)" = 0 ] || sudo=sudo
	[ -z "$sudo" ] || command -v sudo >/dev/null || die "missing: $missing" \
		"as root: apt-get update && apt-get install $missing"
	$sudo apt-get -q update >&2 ||
		say APT 'the package lists could not be updated, trying those that are there'
	keep_bundle
	# shellcheck disable=SC2086 # one word per package
	$sudo env DEBIAN_FRONTEND=noninteractive apt-get -q install -y \
		--no-install-recommends $missing >&2 && status=0 || status=$?
	restore_bundle
	[ $status = 0 ] || die 'apt-get failed, see above' "needed: $missing"
	missing=$(missing_packages)
	[ -z "$missing" ] || die "still missing after apt-get: $missing"
}

# The archive this machine gets Debian from, in either format of apt's sources:
# first URI whose suite is the installed release (or its alias) with component main.
debian_mirror() {
	codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
	for list in /etc/apt/sources.list /etc/apt/sources.list.d/*; do
		case $list in
		*.list | *.sources) [ ! -r "$list" ] || { cat "$list"; echo; } ;;
		esac
	done | awk -v suite="$codename" '
	function consider(uris, suites, components) {
		if (" " components " " !~ / main / || uris !~ /:/)
			return
		if (" " suites " " !~ (" (" suite "|stable|oldstable) "))
			return
		split(uris, u, " ")
		print u[1]
		found = 1
		exit
	}
	function flush() {
		if (f["types"] ~ /deb( |$)/ && tolower(f["enabled"]) != "no")
			consider(f["uris"], f["suites"], f["components"])
		delete f
	}
	/^[ \t]*#/ { next }
	/^deb[ \t]/ {
		sub(/^deb[ \t]+/, ""); sub(/^\[[^]]*\][ \t]*/, "")
		uri = $1; s = $2; $1 = $2 = ""
		consider(uri, s, $0); next
	}
	/^[ \t]*$/ { flush(); next }
	/^[A-Za-z-]+:/ {
		k = tolower($0); sub(/:.*/, "", k); sub(/^[^:]*:[ \t]*/, ""); f[k] = $0; next
	}
	/^[ \t]/ { f[k] = f[k] " " $0 }
	END { if (!found) flush() }'
}

# Debian 13 has the header, Debian 12 has no such package: both take it from the
# Debian 13 package of the machine's own mirror, through a list and a state folder
# of its own, so that the system's package lists stay as they are and no root is
# needed. apt checks the archive's signature; the hash pins the header itself and
# not the package, so that a rebuilt package with the same header is welcome.
fetch_header() {
	cached $header_file $header_sha && return
	uri=$(debian_mirror)
	[ -n "$uri" ] || die 'no Debian archive found in the sources of apt' "$own_engine"
	say FETCH "$header_package (trixie)"
	top=$PWD/$cache/apt.$$
	mkdir -p "$top/lists/partial" "$top/cache/archives/partial" "$top/parts"
	key=/usr/share/keyrings/debian-archive-keyring.gpg
	[ -r $key ] && key="[signed-by=$key] " || key=
	echo "deb $key$uri trixie main" >"$top/sources.list"
	if ! { apt_own update && apt_own download $header_package; }; then
		rm -rf "$top"
		die "cannot fetch the Debian 13 package $header_package" \
			'has the configured mirror the suite trixie? Otherwise put its' \
			"onnxruntime_c_api.h (sha256 $header_sha)" \
			"into $cache/$header_file, or" "$own_engine"
	fi
	dpkg -x "$top"/*.deb "$top/x"
	got=$top/x/usr/include/onnxruntime/onnxruntime_c_api.h
	if ! has_hash "$got" $header_sha; then
		sum=$(sha256sum <"$got") || sum='no such file'
		rm -rf "$top"
		die "onnxruntime_c_api.h of $header_package is not the pinned one" \
			"wanted $header_sha" "got    $sum" "$own_engine"
	fi
	put "$got" $cache/$header_file
	rm -rf "$top"
}

apt_own() {
	(cd "$top" && apt-get -q -o Dir::Etc::SourceList="$top/sources.list" \
		-o Dir::Etc::SourceParts="$top/parts" -o Dir::State::Lists="$top/lists" \
		-o Dir::Cache="$top/cache" -o APT::Sandbox::User="$(id -un)" \
		-o Acquire::Languages=none "$@" >&2)
}

# link_engine INCLUDE_DIR LIB_DIR: a system or user ONNX Runtime in the place
# where the Makefile and the program look for ours
link_engine() {
	rm -rf $deps/onnxruntime
	mkdir -p $deps/onnxruntime/lib
	ln -s "$1" $deps/onnxruntime/include
	for lib in "$2"/libonnxruntime.so "$2"/libonnxruntime.so.*; do
		[ ! -e "$lib" ] || break
	done
	ln -s "$lib" $deps/onnxruntime/lib/libonnxruntime.so.1
	ln -s "$lib" $deps/onnxruntime/lib/libonnxruntime.so
}

engine_from_wheel() {
	[ "$(uname -m)" = x86_64 ] ||
		die "no ONNX Runtime is pinned for $(uname -m)" "$own_engine"
	fetch_header
	fetch_wheel $library $library_file $library_sha --python-version 312 --abi cp312 \
		--platform manylinux_2_28_x86_64
	[ ! -L $deps/onnxruntime/include ] || rm -rf $deps/onnxruntime
	put $cache/$header_file $deps/onnxruntime/include/onnxruntime_c_api.h
	lib=libonnxruntime.so.${library#*==}
	unpack $library_file onnxruntime/capi/$lib $deps/onnxruntime/lib/$lib
	for doc in LICENSE ThirdPartyNotices.txt; do
		unpack $library_file onnxruntime/$doc $deps/onnxruntime/$doc
	done
	ln -sf $lib $deps/onnxruntime/lib/libonnxruntime.so.1
	ln -sf $lib $deps/onnxruntime/lib/libonnxruntime.so
}

engine_from_dir() {
	dir=$(cd "$1" 2>/dev/null && pwd) || die "ONNXRUNTIME_DIR=$1: no such folder"
	for sub in include include/onnxruntime include/onnxruntime/core/session; do
		[ ! -e "$dir/$sub/onnxruntime_c_api.h" ] || break
	done
	link_engine "$dir/$sub" "$dir/lib"
}

engine_from_pkg_config() {
	pkg-config --exists libonnxruntime || die 'pkg-config knows no libonnxruntime' \
		'install libonnxruntime-dev (Debian 13), or leave ONNXRUNTIME unset'
	link_engine "$(pkg-config --variable=includedir libonnxruntime)" \
		"$(pkg-config --variable=libdir libonnxruntime)"
}

check_engine() {
	h=$deps/onnxruntime/include/onnxruntime_c_api.h
	[ -e $h ] || die "$engine: no onnxruntime_c_api.h in its include folder"
	api=$(sed -n 's/^#define ORT_API_VERSION \([0-9]*\).*/\1/p' $h)
	[ "${api:-0}" -ge $min_api ] || die \
		"$engine: API version ${api:-unknown}, $min_api or newer is needed"
	[ -e $deps/onnxruntime/lib/libonnxruntime.so ] ||
		die "$engine: no libonnxruntime.so in its lib folder"
}

write_flags() {
	libs=$(printf '%s' "$packages" | awk '$1 == "lib" && $2 != "cmocka" { print $2 }')
	# shellcheck disable=SC2086 # one word per library
	{ echo "ENGINE_USED := $engine"
	echo "PKG_CFLAGS := $(pkg-config --cflags $libs)"
	echo "PKG_LIBS := $(pkg-config --libs $libs)"
	} >$deps/flags.mk.part
	mv -f $deps/flags.mk.part $deps/flags.mk
}

mkdir -p "$cache" "$deps"
install_packages
case $engine in
wheel)      engine_from_wheel ;;
pkg-config) engine_from_pkg_config ;;
dir\ *)     engine_from_dir "${engine#dir }" ;;
*)          die "ONNXRUNTIME=$engine: unknown" 'it can be pkg-config, or unset' ;;
esac
check_engine
fetch_wheel $schema $schema_file $schema_sha --python-version 312 --abi abi3 \
	--platform manylinux_2_28_x86_64 --platform manylinux_2_27_x86_64
unpack $schema_file onnx/onnx.proto $deps/onnx/onnx.proto
write_flags
