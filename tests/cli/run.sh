#!/bin/sh
# The command line as a user meets it: options, exit statuses, messages, reports, stores. TAP.
# QDEBUG: the program. Needs build/venv (numpy, onnx) and, for what takes longer than a moment, build/models.
cd "$(dirname "$0")/../.." || exit 1
root=$PWD
case ${QDEBUG:=build/qdebug} in
/*) ;;
*)  QDEBUG=$root/$QDEBUG ;;
esac
python=$root/build/venv/bin/python
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
small=$tmp/small
n=0 bad=0
unset NO_COLOR
export TERM=xterm

# ok NAME: by the status of the last command
ok() {
	[ $? = 0 ] && what=ok || what='not ok' bad=$((bad + 1))
	n=$((n + 1))
	echo "$what $n - $1"
}

skip() {
	n=$((n + 1))
	echo "ok $n - $1 # SKIP $2"
}

# gives STATUS PATTERN NAME ARGUMENT...: the program ends so, and PATTERN (ERE; '' = silence) is on stderr
gives() {
	want=$1 pattern=$2 name=$3
	shift 3
	"$QDEBUG" "$@" >"$tmp/out" 2>"$tmp/err" </dev/null
	got=$?
	[ $got = "$want" ] || echo "# $name: status $got, not $want"
	if [ -n "$pattern" ]; then
		grep -qE -- "$pattern" "$tmp/err"
	else
		! [ -s "$tmp/err" ]
	fi
	said=$?
	[ $said = 0 ] && [ $got = "$want" ] || sed 's/^/# /' "$tmp/err"
	[ $said = 0 ] && [ $got = "$want" ]
	ok "$name"
}

"$python" fixtures/gen/cli.py "$small" || exit 1
F=$small/float.onnx Q=$small/quant.onnx D=$small/data
s=0
new() {	# a store that is not there yet
	s=$((s + 1))
	store=$tmp/$s.qdb
}

# ---- options ----
gives 0 '' 'help'				--help
[ "$(grep -c -- '--fail-under' "$tmp/out")" -ge 1 ]; ok 'help lists options'
for c in open export doctor quantize calibrate preprocess; do
	gives 0 '' "help of $c"			$c --help
done
gives 0 '' 'version'				--version
gives 2 'which models' 'no arguments'
gives 2 'did you mean --samples' 'a mistyped option'	$F $Q --smaples 3
gives 2 'unknown option' 'an unknown short option'	-z
gives 2 'may be --samples or --' 'an ambiguous beginning'	--s 3
gives 2 'takes no value' 'a value for a flag'	--plain=yes
gives 2 '--samples: "0" is not a whole number from 1' 'a number out of range'	--samples=0
gives 2 '"x3" is not' 'no number'		--samples x3
gives 2 'needs a value' 'a missing value'	$F $Q --data
gives 2 'one of text.json.csv' 'a wrong choice'	--report yaml
gives 2 'html: not available' 'a later choice'	--report html
gives 2 'is not a size' 'a wrong size'		--activation-budget 3X
gives 2 'is not a number' 'no decibels'		--fail-under loud
gives 2 'one argument too many' 'three models'	$F $Q $Q
gives 2 'not available in this version' 'a later sub-command'	search $F
gives 2 '--shard: not available' 'a later option'	$F $Q --shard 1/2
gives 2 'did you mean the sub-command "open"' 'a mistyped sub-command'	opne
gives 2 'qdebug open' 'a store instead of models'	$tmp/x.qdb
gives 2 'no data: .*--data samples/' 'no data'	$F $Q
gives 2 'no data: .*--data samples/' 'no data and no quantized model'	$F
gives 2 '--per-channel says how to quantize' 'quantizing options with a quantized model'	$F $Q --data $D --per-channel
gives 2 'exclude each other' 'data and random'	$F $Q --data $D --random 3
gives 2 'what is to be exported' 'export of nothing'	export $tmp/x.qdb
gives 2 '-o DIR' 'export to nowhere'		export $tmp/x.qdb --what activations
gives 2 'exclusions: not available' 'a later export'	export $tmp/x.qdb --what exclusions
gives 0 '' 'doctor'				doctor
grep -q '^engine ' "$tmp/out" && grep -q '^cpu ' "$tmp/out"; ok 'doctor names engine and CPU'
tools/man.sh --check "$QDEBUG" | sed 's/^/# /'; tools/man.sh --check "$QDEBUG" >/dev/null 2>&1
ok 'the man pages have the options and keys of the program'
for page in man/*.[1-8]; do
	[ -z "$(groff -man -Tutf8 -ww -z "$page" 2>&1)" ]; ok "$page is clean"
done
for c in quantize calibrate preprocess; do
	grep -q "generated: options $c" man/qdebug-$c.1; ok "the options of $c are in a page of their own"
done

# ---- a run ----
new
gives 0 '' 'a run without a terminal is a text report'	$F $Q --data $D --store "$store"
grep -q '^Worst activations (3 of 3' "$tmp/out" && grep -q '^Next' "$tmp/out"; ok 'the text report has its parts'
awk 'length > 100 { exit 1 }' "$tmp/out"; ok 'no line is longer than 100'
[ "$(stat -c %a "$store")" = 600 ]; ok 'the store is private'
gives 0 '' 'json'				$F $Q --data $D --store "$store" --report json
"$python" tests/cli/check_json.py <"$tmp/out" 2>"$tmp/why"; ok 'json has every key, in order'
sed 's/^/# /' "$tmp/why"
cp "$tmp/out" "$tmp/1.json"
gives 0 '' 'json again'				$F $Q --data $D --store "$store" --report json
cmp -s "$tmp/out" "$tmp/1.json"; ok 'a finished run is shown again, not measured'
new
gives 0 '' 'json from a new store'		$F $Q --data $D --store "$store" --report=json -o "$tmp/2.json"
[ ! -s "$tmp/out" ]; ok '-o leaves standard output alone'
for i in 1 2; do
	grep -vE '^    "(id|seconds|peak_rss_bytes)":' "$tmp/$i.json" >"$tmp/$i.fixed"
done
cmp -s "$tmp/1.fixed" "$tmp/2.fixed"; ok 'two runs give the same bytes but for the volatile fields'
for t in outputs activations weights unmatched; do
	gives 0 '' "csv of $t"			open "$store" --report csv --table $t
	"$python" -c 'import csv, sys
rows = list(csv.reader(sys.stdin)); assert len({len(r) for r in rows}) == 1, rows' <"$tmp/out"; ok "csv of $t is even"
done
gives 0 '' 'open'				open "$store"
cp "$tmp/out" "$tmp/open"
gives 0 '' 'export report'			export "$store" --what report
cmp -s "$tmp/out" "$tmp/open"; ok 'open and export show the same report'
gives 2 'no such store' 'open of nothing'	open $tmp/none.qdb
gives 2 'run 77' 'open of a run that is not there'	open "$store" --run 77
gives 2 'not a qdebug store|not a store' 'open of a model'	open $F
gives 0 '' 'a default store'			$F $Q --data $D
[ -s "$small/quant.qdb" ]; ok 'it is beside the quantized model'
gives 0 '' '-o to a device'			open "$store" -o /dev/null
[ -c /dev/null ]; ok 'which stays a device'
gives 3 'No space left' 'a full device'		open "$store" -o /dev/full
"$QDEBUG" open "$store" >/dev/full 2>"$tmp/err"; [ $? = 3 ]; ok 'full standard output'
gives 2 'is a folder' '-o to a folder'		open "$store" -o "$tmp"
gives 3 'cannot create' '-o into no folder'	open "$store" -o "$tmp/no/x"
new
gives 0 '' 'random data'			$F $Q --random 3 --store "$store"
grep -q RANDOM "$tmp/out"; ok 'the report says that data is random'

# ---- --fail-under: y of quant.onnx has 26.88 dB ----
new
gives 0 '' 'above the threshold'		$F $Q --data $D --store "$store" --fail-under 20
gives 1 'output y: SQNR 26.88 dB is below 30 dB' 'below the threshold'	$F $Q --data $D --store "$store" --fail-under 30
[ -s "$tmp/out" ]; ok 'the report is written all the same'
new
gives 0 '' 'exact outputs pass'			$F $small/exact.onnx --data $D --store "$store" --fail-under 300
grep -q 'exact' "$tmp/out"; ok 'exact is said'
new
gives 1 'zeros only' 'a zero signal fails' \
	$small/floatzero.onnx $small/exact.onnx --data $D --store "$store" --fail-under -100
new
gives 1 'NaN or Inf' 'NaN fails' $F $Q --data $small/nan --allow-nonfinite --store "$store" --fail-under -100

# ---- activations ----
new
gives 0 '' 'a run that keeps all'	$F $Q --data $D --store "$store" --keep-activations all -q
gives 0 '' 'export activations'		export "$store" --what activations -o "$tmp/acts"
"$python" - "$tmp/acts" "$small" >"$tmp/why" 2>&1 <<'END'
import csv, pathlib, sys
import numpy as np
folder, small = map(pathlib.Path, sys.argv[1:])
rows = list(csv.DictReader(open(folder / "index.tsv"), delimiter="\t"))
assert {p.name for p in folder.iterdir()} == {r["file"] for r in rows} | {"index.tsv"}
values = {(r["side"], r["tensor"], int(r["sample"])): np.load(folder / r["file"]) for r in rows}
w = np.array([[1, 0, 2, -1], [0, 3, 1, 0], [-2, 1, 1, 1], [1, 1, 0, 2]], np.float32)
for i in range(5):
    x = np.load(small / "data" / f"s{i}.npy")
    assert np.array_equal(values["float", "x", i], x), i
    # integers: exact in any order of summation
    assert np.array_equal(values["float", "h", i], x @ w), i
    assert np.array_equal(values["float", "y", i], x @ w + np.array([1, -2, 3, 0], np.float32)), i
END
ok 'they are the tensors'
sed 's/^/# /' "$tmp/why"
new
gives 0 '' 'a run that keeps none'	$F $Q --data $D --store "$store" --keep-activations none -q
gives 2 'kept no activations' 'nothing to export'	export "$store" --what activations -o "$tmp/acts2"
[ ! -e "$tmp/acts2" ]; ok 'no folder is made then'

# ---- --map ----
printf 'x\tnowhere\n' >"$tmp/map"
new
gives 2 'nowhere' 'a map with an unknown name'	$F $Q --data $D --store "$store" --map "$tmp/map"
printf '# pairs\n\nh h_dq\n' >"$tmp/map"
gives 0 '' 'a map'				$F $Q --data $D --store "$store" --map "$tmp/map"
printf 'one\n' >"$tmp/map"
gives 2 'map: line 1 is not two names' 'a map that is none'	$F $Q --data $D --store "$store" --map "$tmp/map"

# ---- bad input: status 2, a message, no store ----
new
echo 'no model' >"$tmp/text.onnx"
: >"$tmp/none.onnx"
gives 2 'text.onnx' 'not an ONNX file'		"$tmp/text.onnx" $Q --data $D --store "$store"
gives 2 'none.onnx' 'an empty file'		$F "$tmp/none.onnx" --data $D --store "$store"
gives 2 'gone.onnx' 'no file'			$tmp/gone.onnx $Q --data $D --store "$store"
gives 2 "$tmp" 'a folder as a model'		"$tmp" $Q --data $D --store "$store"
gives 2 'operator set 9; .* 10 or newer' 'opset 9'		$small/old.onnx $Q --data $D --store "$store"
gives 2 'different networks' 'another network'	$F $small/other.onnx --data $D --store "$store"
gives 2 'not a quantized model' 'two float models'	$F $F --data $D --store "$store"
gives 2 'weights.bin' 'missing external data'	$small/external.onnx $Q --data $D --store "$store"
gives 2 'weights.bin' 'external data outside'	$small/escape.onnx $Q --data $D --store "$store"
gives 2 'empty' 'an empty folder'		$F $Q --data $small/empty --store "$store"
gives 2 'gone' 'no folder'			$F $Q --data $small/gone --store "$store"
gives 2 's0.npy.*float64' 'a wrong element type'	$F $Q --data $small/dtype --store "$store"
gives 2 's0.npy' 'a wrong rank'			$F $Q --data $small/rank --store "$store"
gives 2 's0.npy' 'a wrong dimension'		$F $Q --data $small/dim --store "$store"
gives 2 'a.npz.*x' 'a wrong name'		$F $Q --data $small/name --store "$store"
gives 2 'both' 'two kinds of files'		$F $Q --data $small/both --store "$store"
[ ! -e "$store" ]; ok 'none of them left a store'
gives 0 '' 'npz'				$F $Q --data $small/npz --store "$store"
new
gives 2 's1.npy.*(NaN|nan)' 'NaN in data'	$F $Q --data $small/nan --store "$store"
gives 0 '' 'what was done stays'		open "$store"
grep -q 'NOT FINISHED (failed): the numbers cover 1 of 2' "$tmp/out"; ok 'the report says how far it came'
new
gives 0 'left out' 'bad samples are skipped'	$F $Q --data $small/nan --skip-bad --store "$store"
grep -q '1 bad sample' "$tmp/out"; ok 'the report counts them'
new
gives 2 'no usable sample' 'no usable sample'	$F $Q --data $small/allnan --skip-bad --store "$store"

# ---- stores ----
echo precious >"$tmp/notes.qdb"
gives 2 'notes.qdb' 'a file that is no store'	$F $Q --data $D --store "$tmp/notes.qdb"
[ "$(cat "$tmp/notes.qdb")" = precious ]; ok 'it is untouched'
gives 3 'none/x.qdb|none' 'a store in no folder'	$F $Q --data $D --store "$tmp/none/x.qdb"
new
gives 0 '' 'a store to spoil'			$F $Q --data $D --store "$store"
spoil() {	# COPY SQL...
	"$python" - "$store" "$tmp/$1" "$2" <<-'END'
	import shutil, sqlite3, sys
	shutil.copy(sys.argv[1], sys.argv[2])
	db = sqlite3.connect(sys.argv[2])
	db.executescript(sys.argv[3])
	db.commit()
	db.close()
	END
}
spoil newer.qdb 'PRAGMA user_version = 99'
gives 2 'newer' 'a store of a newer version'	open "$tmp/newer.qdb"
spoil trigger.qdb 'CREATE TRIGGER t AFTER INSERT ON run BEGIN DELETE FROM pair; END'
gives 2 'trigger.qdb' 'a store with a trigger'	open "$tmp/trigger.qdb"
spoil text.qdb "UPDATE pair SET tensor = '=1+' || char(27) || ']0;x' || char(7) || char(10) || 'y', scale = '{evil';
	UPDATE model SET path = '/x' || char(27) || '[2J'; UPDATE run SET engine = char(27) || 'c'"
for f in text csv; do
	gives 0 '' "$f from a store with hostile text"	open "$tmp/text.qdb" --report $f
	! LC_ALL=C grep -q "$(printf '[\033\007]')" "$tmp/out"; ok "$f is escaped"
done
grep -q "'=1+" "$tmp/out"; ok 'no formula reaches a spreadsheet'
gives 0 '' 'json from a store with hostile text'	open "$tmp/text.qdb" --report json
"$python" tests/cli/check_json.py <"$tmp/out" 2>"$tmp/why"; ok 'it is still JSON'
sed 's/^/# /' "$tmp/why"
spoil shape.qdb "INSERT INTO activation(run_id, side, tensor, sample, dtype, shape, bytes)
	VALUES (1, '../../x', 'y', 0, 'float32', '[4]', 16)"
gives 2 'makes no tensor' 'an activation of no side'	export "$tmp/shape.qdb" --what activations -o "$tmp/h1"
spoil huge.qdb "DELETE FROM activation; INSERT INTO activation(run_id, side, tensor, sample, dtype, shape, bytes)
	VALUES (1, 'float', '../../y', 0, 'float32', '[4000000000, 4000]', 64000000000000)"
gives 2 'activation' 'an activation that is not there'	export "$tmp/huge.qdb" --what activations -o "$tmp/h2"
(
	ulimit -f 100	# 50 or 100 KiB, by the shell
	"$QDEBUG" $F $Q --data $D --store "$tmp/full.qdb" >/dev/null 2>"$tmp/err"
	[ $? = 3 ]
); ok 'a full disk'
grep -q 'full.qdb' "$tmp/err"; ok 'it is said'

# ---- quantize, calibrate, preprocess ----
out=$tmp/out.onnx
gives 2 'which model' 'quantize nothing'	quantize
gives 2 'no data to calibrate with: .*--data samples/' 'quantize without data'	quantize $F
gives 2 'exclude each other' 'quantize with data twice'	quantize $F --data $D --random 3
gives 2 'exclude each other' 'data and ranges'	quantize $F --data $D --ranges r.json
gives 2 'ranges and --calibrator exclude' 'ranges and a calibrator'	quantize $F --ranges r.json --calibrator MSE
gives 2 'dynamic: not available' 'dynamic quantization'	quantize $F --data $D --mode dynamic
gives 2 'did you mean --exclude' 'a mistyped option'	quantize $F --excluded mm
gives 2 '--calibrator: .*nearest is "Entropy"' 'a mistyped calibrator'	quantize $F --data $D --calibrator entrpy -o "$out"
gives 2 '--weight-type: .*nearest is "QInt8"' 'a mistyped type'	quantize $F --data $D --weight-type it8 -o "$out"
gives 2 'S8U8' 'a pair of types without kernels'	quantize $F --data $D --weight-type uint8 -o "$out"
gives 2 'no node is named "ad".*"add"' 'a mistyped node'	quantize $F --data $D --exclude ad -o "$out"
gives 2 'no node is named "mn".*"mm"' 'the same in a dry run'	quantize $F --dry-run --exclude mn
printf '# a list\nmm\nodd\n' >"$tmp/list"
gives 2 'no node is named "odd".*"add"' 'a mistyped node in a file'	quantize $F --dry-run --exclude-file "$tmp/list"
gives 2 'none.txt' 'no exclusion file'		quantize $F --dry-run --exclude-file "$tmp/none.txt"
recipe() {	# TEXT
	echo "$1" >"$tmp/recipe.json"
}
recipe '{"activation_typ": "QInt8"}'
gives 2 'recipe.json: .*nearest is "activation_type"' 'a mistyped key in a recipe'	quantize $F --dry-run --recipe "$tmp/recipe.json"
recipe '{"extra_options": {"ActivationSymetric": true}}'
gives 2 'extra_options: .*nearest is "ActivationSymmetric"' 'a mistyped extra option'	quantize $F --dry-run --recipe "$tmp/recipe.json"
recipe '{"per_channel": "yes"'
gives 2 'recipe.json: no recipe: line' 'a recipe that is no JSON'	quantize $F --dry-run --recipe "$tmp/recipe.json"
recipe '{"quant_format": "QOperator"}'
gives 2 'QOperator: not available' 'a later format'	quantize $F --dry-run --recipe "$tmp/recipe.json"
gives 2 'no node is named' 'names also when a quantized model is made first'	$F --data $D --exclude nope
gives 2 'where to' 'calibrate to nowhere'	calibrate $F --data $D
gives 2 'no data' 'calibrate without data'	calibrate $F -o "$tmp/r.json"
gives 2 'flatbuffers: not available' 'a later format of ranges'	calibrate $F --data $D -o "$tmp/r" --format flatbuffers
gives 2 'where to' 'preprocess to nowhere'	preprocess $F
gives 2 'would overwrite' 'quantize over the input'	quantize $F --data $D -o $F
gives 2 'would overwrite' 'preprocess over the input'	preprocess $F -o $F
cp $F "$tmp/float.copy"
gives 2 'would overwrite' 'calibrate over the input'	calibrate $F --data $D -o "$small/../small/float.onnx"
gives 2 'would overwrite' 'ranges over the input'	quantize $F --data $D -o "$out" --save-ranges $F
gives 2 'cannot be both' 'ranges over the model'	quantize $F --data $D -o "$out" --save-ranges "$out"
cmp -s $F "$tmp/float.copy"; ok 'the float model stays as it was'
gives 2 'is a folder' 'a model as a folder'	quantize $F --data $D -o "$tmp"
gives 2 'a file is wanted' 'a model to standard output'	quantize $F --data $D -o -
gives 3 'none/x.onnx: cannot be written' 'into no folder'	quantize $F --data $D -o "$tmp/none/x.onnx"
for c in quantize calibrate; do
	gives 3 '/proc' "$c into an unwritable folder"	$c $F --data $D -o /proc/x.onnx
	gives 2 's1.npy.*(NaN|nan)' "$c with NaN in data"	$c $F --data $small/nan -o "$out"
	gives 2 's0.npy.*float64' "$c with data of a wrong type"	$c $F --data $small/dtype -o "$out"
	gives 2 'text.onnx' "$c what is no model"	$c "$tmp/text.onnx" --data $D -o "$out"
done
gives 3 '/proc' 'preprocess into an unwritable folder'	preprocess $F -o /proc/x.onnx
[ ! -e "$out" ] && [ ! -e "$tmp/r.json" ]; ok 'none of them wrote anything'

quantize_json() {	# PYTHON NAME: over the report r in $tmp/out
	"$python" -c "import json, sys
r = json.load(sys.stdin)
assert list(r) == 'qdebug schema float output data samples ranges recipe counts nodes notes'.split(), list(r)
assert r['schema'] == 1
for row in r['nodes']:
    assert list(row) == 'node op quantized why note'.split(), row
why = {row['node']: row['why'] for row in r['nodes']}
$1" <"$tmp/out" 2>"$tmp/why"
	ok "$2"
	sed 's/^/# /' "$tmp/why"
}
gives 0 '' 'a dry run'				quantize $F --dry-run --exclude add
grep -qE '^mm +MatMul +quantized$' "$tmp/out" && grep -qE '^add +Add +float: in nodes_to_exclude$' "$tmp/out"
ok 'says what happens to each node'
recipe '{"nodes_to_exclude": ["mm"], "activation_type": "quint8", "per_channel": true}'
sed -i /odd/d "$tmp/list"
gives 0 '' 'a dry run in JSON'	quantize $F --dry-run --exclude-file "$tmp/list" --exclude add --report json \
	--recipe "$tmp/recipe.json" --activation-type int16
quantize_json "assert r['output'] is None and r['samples'] == 0
assert r['recipe']['activation_type'] == 'QInt16' and r['recipe']['per_channel'] is True
assert r['recipe']['nodes_to_exclude'] == ['mm', 'add'], r['recipe']
assert r['counts']['excluded'] == 2 and r['counts']['weights'] is None
assert set(why) == {'mm', 'add'}" 'options come after the recipe, exclusions are added'
ls "$small"/float.*.onnx >/dev/null 2>&1; [ $? != 0 ]; ok 'nothing is written by it'

gives 0 '' 'quantize to the default name'	quantize $F --data $D
[ -s "$small/float.int8.onnx" ]; ok 'it is beside the float model'
grep -q '2 quantized' "$tmp/out"; ok 'the summary counts'
gives 2 'exists already' 'again: it is not replaced'	quantize $F --data $D
gives 0 '' 'unless it is named'			quantize $F --data $D -o "$small/float.int8.onnx" --report json
quantize_json "assert r['samples'] == 5 and r['counts']['quantized'] == 2 and r['counts']['weights'] == 2, r['counts']" 'its JSON'
gives 2 'was not made by this command' 'debugging does not replace it either'	$F --data $D
rm -f "$small/float.int8.onnx"
gives 0 'quantized to' 'quantize, then debug'	$F --data $D --exclude add --report json
"$python" tests/cli/check_json.py <"$tmp/out" 2>"$tmp/why"; ok 'standard output has the report only'
sed 's/^/# /' "$tmp/why"
gives 0 'quantized to' 'again: this one is replaced'	$F --data $D --exclude add --report json
"$python" -c 'import json, sys; assert json.load(sys.stdin)["run"]["id"] == 1' <"$tmp/out"
ok 'by the same model, so the run is shown again'
gives 0 '' 'quietly'				$F --data $D --exclude add -q
gives 0 '' 'with another type'			quantize $F --data $D --activation-type uint8 -q
[ -s "$small/float.uint8.onnx" ] && [ ! -s "$tmp/out" ]; ok 'it is in the name'
gives 0 '' 'calibrate'				calibrate $F --data $D -o "$tmp/r.json"
gives 0 '' 'quantize and keep the ranges'	quantize $F --data $D -o "$out" --save-ranges "$tmp/s.json"
"$python" -c 'import json, sys
a, b = (json.load(open(f)) for f in sys.argv[1:])
assert a == b and set(a["data"]) == {"x", "h", "y"}, a' "$tmp/r.json" "$tmp/s.json" 2>"$tmp/why"
ok 'they are the same, of each tensor'
sed 's/^/# /' "$tmp/why"
gives 0 '' 'quantize from ranges'		quantize $F --ranges "$tmp/r.json" -o "$tmp/again.onnx"
cmp -s "$out" "$tmp/again.onnx"; ok 'gives the same model'
gives 2 "$tmp/list" 'ranges that are none'	quantize $F --ranges "$tmp/list" -o "$tmp/x.onnx"
for m in MinMax Entropy Percentile EntropyKL mse; do
	gives 0 '' "calibrator $m"		quantize $F --data $D -o "$tmp/$m.onnx" --calibrator $m
done
cmp -s "$out" "$tmp/MinMax.onnx" && cmp -s "$out" "$tmp/Entropy.onnx"; ok 'Entropy with its bins equals MinMax'
printf '# sha256 %064d\nadd\n' 0 >"$tmp/list"
gives 0 'was made for another model' 'exclusions of another model'	quantize $F --dry-run --exclude-file "$tmp/list"
gives 0 '' 'random data'			quantize $F --random 4 -o "$tmp/random.onnx"
grep -q RANDOM "$tmp/out"; ok 'which is said'
(
	ulimit -f 0
	"$QDEBUG" quantize $F --ranges "$tmp/r.json" -o "$tmp/full.onnx" >/dev/null 2>"$tmp/err"
	[ $? = 3 ]
); ok 'a full disk'
[ -z "$(find "$tmp" -name '*full.onnx*')" ]; ok 'leaves nothing behind'
gives 0 '' 'preprocess'				preprocess $F -o "$tmp/pre.onnx"
grep -q '1 nodes, 2 before' "$tmp/out"; ok 'optimizes: one Gemm'
gives 0 '' 'preprocess without optimization'	preprocess $F -o "$tmp/pre.onnx" --skip-optimization
"$python" -c 'import onnx, sys
m = onnx.load(sys.argv[1])
assert {p.key: p.value for p in m.metadata_props}["onnx.quant.pre_process"] == "onnxruntime.quant"
assert "h" in [v.name for v in m.graph.value_info], m' "$tmp/pre.onnx" 2>"$tmp/why"; ok 'writes shapes'
sed 's/^/# /' "$tmp/why"

# ---- terminals and scripts ----
on_terminal() {	# TERM ARGUMENT...: with a terminal as stdin and stdout
	term=$1
	shift
	TERM=$term script -qec "'$QDEBUG' $*" /dev/null </dev/null >"$tmp/out" 2>&1
}
new
if command -v script >/dev/null; then
	for t in '' dumb nosuchterminal; do
		on_terminal "$t" $F $Q --data $D --store "$store"
		[ $? = 2 ] && grep -q -- '--plain' "$tmp/out" && grep -q -- '--report' "$tmp/out" && [ ! -e "$store" ]
		ok "TERM=\"$t\" is refused before anything runs"
	done
	on_terminal dumb quantize $F --data $D -o "$out" --calibrator mse
	grep -q '^calibrating, pass 1 of 2 5/5' "$tmp/out" && grep -q '^calibrating, pass 2 of 2 5/5' "$tmp/out"
	ok 'calibration says how far it is'
	on_terminal dumb $F $Q --data $D --store "$store" --plain
	[ $? = 0 ] && grep -q '^Worst activations' "$tmp/out"; ok '--plain needs no TERM'
else
	skip 'unknown terminals' 'no script(1)'
fi
printf '# a script\nkeys jj\n:screen %s\n' "$tmp/screen" >"$tmp/script"
new
gives 0 '' 'a script over a run'		$F $Q --data $D --store "$store" --script "$tmp/script" --size 70x20
[ "$(wc -l <"$tmp/screen")" = 20 ] && grep -q quant.onnx "$tmp/screen"; ok 'draws a screen of that size'
rm -f "$tmp/screen"
new
gives 0 'quantized to' 'a script over models of which one is made first' \
	$F --data $D --exclude mm --store "$store" --script "$tmp/script"
grep -q float.int8.onnx "$tmp/screen"; ok 'draws that'
rm -f "$tmp/screen"
gives 0 '' 'a script over a store'		open "$store" --script "$tmp/script"
[ "$(wc -l <"$tmp/screen")" = 24 ]; ok 'of 80x24'
gives 2 'no screen size' 'a wrong screen size'	open "$store" --script "$tmp/script" --size big
gives 2 'no such script' 'a script that is not there'	open "$store" --script "$tmp/no"
printf ':nonsense\n' >"$tmp/script"
gives 2 'line 1|:1' 'a script with an error'		open "$store" --script "$tmp/script"

# ---- a real model ----
cls=$root/build/models/cls
if [ -s "$cls/pre.s8s8.onnx" ] && [ -d build/data/cls ]; then
	data=$root/build/data/cls
	new
	gives 0 '' 'the classifier'	"$cls/pre.onnx" "$cls/pre.s8s8.onnx" --data "$data" --samples 4 \
		--store "$store" --report json
	"$python" tests/cli/check_json.py <"$tmp/out" 2>"$tmp/why"; ok 'its json'
	sed 's/^/# /' "$tmp/why"
	for signal in INT:130 TERM:143 HUP:129; do
		new
		# a shell starts background jobs with SIGINT ignored
		env --default-signal=INT,HUP "$QDEBUG" "$cls/pre.onnx" "$cls/pre.s8s8.onnx" --data "$data" \
			--store "$store" --keep-activations none >/dev/null 2>"$tmp/err" &
		pid=$!
		while [ ! -s "$store" ] && kill -0 $pid 2>/dev/null; do
			sleep 0.02
		done
		kill -"${signal%:*}" $pid
		wait $pid
		[ $? = "${signal#*:}" ]; ok "SIG${signal%:*} ends with status ${signal#*:}"
		[ "$(wc -l <"$tmp/err")" -le 1 ]; ok 'and one line'
	done
	gives 0 '' 'the run is resumed'	"$cls/pre.onnx" "$cls/pre.s8s8.onnx" --data "$data" --store "$store" \
		--keep-activations none --report json
	"$python" -c 'import json, sys; r = json.load(sys.stdin); assert r["run"]["id"] == 1, r["run"]' <"$tmp/out"
	ok 'as the same run'
	for m in raw pre; do
		gives 0 '' "quantize the classifier, $m"	quantize "$cls/$m.onnx" --data "$data" --samples 4 \
			-o "$tmp/cls.$m.onnx" --report json
		quantize_json "assert r['samples'] == 4 and r['counts']['quantized'] > 100, r['counts']" 'its JSON'
		new
		gives 0 '' "debug it, $m"	"$cls/$m.onnx" "$tmp/cls.$m.onnx" --data "$data" --samples 4 \
			--store "$store" --fail-under 20
	done
	cp "$cls/pre.onnx" "$tmp/cls.onnx"
	node=$("$python" -c 'import onnx, sys
print(next(n.name for n in onnx.load(sys.argv[1]).graph.node if n.op_type == "Conv"))' "$tmp/cls.onnx")
	gives 0 'quantized to' 'both at once'	"$tmp/cls.onnx" --data "$data" --samples 4 --exclude "$node" --report json
	"$python" tests/cli/check_json.py <"$tmp/out" 2>"$tmp/why"; ok 'its json'
	sed 's/^/# /' "$tmp/why"
	"$python" - "$tmp/cls.int8.onnx" "$node" 2>"$tmp/why" <<-'END'
	import onnx, sys
	g = onnx.load(sys.argv[1]).graph
	made = {o: n for n in g.node for o in n.output}
	node = next(n for n in g.node if n.name == sys.argv[2])
	assert all(made[i].op_type != "DequantizeLinear" for i in node.input[1:] if i in made), node
	END
	ok 'the excluded node is left in float'
	sed 's/^/# /' "$tmp/why"
	for signal in INT:130 TERM:143; do
		env --default-signal=INT,TERM "$QDEBUG" quantize "$cls/pre.onnx" --random 1000000 -o "$tmp/never.onnx" \
			>/dev/null 2>"$tmp/err" &
		pid=$!
		# the engine is there: signals are handled
		until grep -q onnxruntime /proc/$pid/maps 2>/dev/null || ! kill -0 $pid 2>/dev/null; do
			sleep 0.02
		done
		kill -"${signal%:*}" $pid
		wait $pid
		[ $? = "${signal#*:}" ]; ok "quantizing ends on SIG${signal%:*}"
		[ -z "$(find "$tmp" -name '*never.onnx*')" ]; ok 'and writes nothing'
	done
else
	skip 'the classifier' 'no build/models'
fi

echo "1..$n"
[ $bad = 0 ]
