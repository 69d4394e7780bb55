#!/bin/sh
# Real models and inputs for demo, tests and benchmarks, all under build/:
# venv (the pinned reference package), models, data. What is up to date is kept.
#
# usage: models.sh demo | all
set -eu
cd "$(dirname "$0")/.."
. tools/lib.sh

rapidocr=rapidocr-onnxruntime==1.4.4
rapidocr_sha=971d7d5f223a7a808662229df1ef69893809d8457d834e6373d3854bc1782cbf
rapidocr_file=rapidocr_onnxruntime-1.4.4-py3-none-any.whl
# our name, its name in the wheel
networks='
det ch_PP-OCRv4_det_infer
rec ch_PP-OCRv4_rec_infer
cls ch_ppocr_mobile_v2.0_cls_infer
'

make_venv() {
	key=$(sha256sum <tools/requirements.txt)
	[ "$(cat build/venv/.key 2>/dev/null)" != "$key" ] || return 0
	find_python || die 'no python3 (3.11 or newer) with pip and venv found' \
		'run tools/setup.sh first'
	say VENV "build/venv ($("$python" --version))"
	rm -rf build/venv
	"$python" -m venv build/venv
	install_offline || { fetch_requirements && install_offline; } ||
		die 'cannot install tools/requirements.txt' \
			'is the network there? CPython 3.11, 3.12 or 3.13 on x86-64 is needed'
	echo "$key" >build/venv/.key
}

fetch_requirements() {
	say FETCH 'tools/requirements.txt'
	build/venv/bin/python -m pip download -q --disable-pip-version-check --no-deps \
		--only-binary=:all: --require-hashes -r tools/requirements.txt \
		-d $cache/wheels >&2
}

install_offline() {
	build/venv/bin/python -m pip install -q --disable-pip-version-check --no-deps \
		--no-index --find-links $cache/wheels --only-binary=:all: \
		--require-hashes -r tools/requirements.txt >build/venv/pip.log 2>&1
}

unpack_networks() {
	fetch_wheel $rapidocr $rapidocr_file $rapidocr_sha --ignore-requires-python
	echo "$networks" | while read -r name member; do
		[ -z "$name" ] || unpack $rapidocr_file \
			"rapidocr_onnxruntime/models/$member.onnx" "build/models/$name/raw.onnx"
	done
}

mkdir -p $cache/wheels
case ${1:-} in
demo)   # the program quantizes by itself: Python only draws pages, without any package
	unpack_networks
	find_python || die 'no python3 found' 'run tools/setup.sh first'
	"$python" fixtures/gen/pages.py build/data/demo ;;
all)
	make_venv
	unpack_networks
	build/venv/bin/python fixtures/gen/render.py det640 det320 rec cls
	build/venv/bin/python tests/oracle/make_models.py all ;;
*)	die 'usage: models.sh demo | all' ;;
esac
