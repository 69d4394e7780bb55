#!/bin/sh
# The interface on a real terminal: tmux with a private server, the demo program, bounded polling (no sleeps that
# stand for "surely done by now"). TAP output. Usage: tests/screen/run.sh [tui_demo]; run from the project's root.
# Without an argument the demo is built into the objects' folder O (default build/obj).
set -u
O=${O:-build/obj}
DEMO=${1:-}
if [ -z "$DEMO" ]; then
	DEMO=$O/tests/screen/tui_demo
	make -s "$DEMO.o" "$O/libqdebug.a" SAN="${SAN:-}" || exit 1
	${CC:-gcc} ${SAN:+-fsanitize=$SAN} -o "$DEMO" "$DEMO.o" "$O/libqdebug.a" \
		$(pkg-config --libs ncursesw libprotobuf-c sqlite3 libzip nettle) -lm -ldl -pthread || exit 1
fi
case $DEMO in /*) ;; *) DEMO=$PWD/$DEMO ;; esac
command -v tmux >/dev/null || { echo "Bail out! tmux is not installed"; exit 1; }

DIR=$(mktemp -d)
SOCK=$DIR/tmux
n=0 bad=0
trap 'tmux -S "$SOCK" kill-server 2>/dev/null; rm -rf "$DIR"' EXIT

T() { tmux -S "$SOCK" -f /dev/null "$@"; }
screen() { T capture-pane -p -t t 2>/dev/null; }
keys() { T send-keys -t t "$@"; }

# until_screen PATTERN: poll for at most 10 s
until_screen() {
	i=0
	while [ $i -lt 200 ]; do
		screen | grep -q -- "$1" && return 0
		sleep 0.05
		i=$((i + 1))
	done
	return 1
}

ok() {	# ok name: result of the command before
	rc=$?
	n=$((n + 1))
	if [ $rc -eq 0 ]; then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1"
		screen | sed 's/^/# /'
		bad=$((bad + 1))
	fi
}

# A shell in the pane, so that what is left of the terminal afterwards can be seen.
fresh() {
	T kill-server 2>/dev/null
	env -u TMUX LC_ALL=C.UTF-8 TERM="${OUTER_TERM:-xterm-256color}" tmux -S "$SOCK" -f /dev/null new-session -d -s t \
		-x "${1:-80}" -y "${2:-24}" "env PS1='prompt% ' LC_ALL=C.UTF-8 sh"
	until_screen 'prompt%'
}
start() {
	keys "${1:-} sh -c 'echo \$\$ >$DIR/pid; exec $DEMO $DIR/s.qdb${2:-}'; echo status=\$?; stty -a | grep -o '[-]*icanon\\|[-]*echo ' | tr '\\n' ' '" Enter
}
restored() { until_screen "status=$1" && until_screen '^icanon echo' ; }
demo_pid() { cat "$DIR/pid"; }

fresh
start; until_screen 'conv4/out'
ok "opens and draws rows"
keys j j; until_screen '^> *backb'
ok "moves by letters"
keys Down; until_screen '^> *層'
ok "moves by arrows; wide names are drawn"
keys '/' 'tensor_2'; until_screen '^/tensor_2'
ok "search prompt shows what is typed"
keys Enter; until_screen '^> *tensor_2'
ok "search finds"
keys '&' 'op=Conv & sqnr<20' Enter; until_screen '/2 · op=Conv & sqnr<20'
ok "filter limits"
keys '&' C-u 'sqnrr<3' Enter; until_screen 'did you mean "sqnr"'
ok "a wrong filter says what is meant"
keys C-u Enter; until_screen '/32'
ok "an empty filter shows all"
keys '?'; until_screen '^?'
ok "? searches back while there is a search"
keys Escape; keys Escape; keys F1; until_screen '? Help'
ok "F1 is help"
keys q; keys x; until_screen 'not available yet'
ok "a later action says so"
T resize-window -t t -x 40 -y 10; until_screen '^ qdebug  det.int8.onnx'
ok "resize to 40x10"
T resize-window -t t -x 30 -y 8; until_screen 'window too small'
ok "too small is said"
T resize-window -t t -x 200 -y 50; until_screen 'histogram  *node'
ok "grows to 200x50"
keys o; until_screen 'histogram of the float'
ok "detail pane beside the list"
T resize-window -t t -x 80 -y 24; until_screen '^── '
ok "detail pane below when narrow"
keys C-z; until_screen 'topped'
ok "Ctrl-Z stops"
keys 'fg' Enter; until_screen '^ 1 Rank'
ok "fg comes back"
keys Q; until_screen '^prompt% $'
keys "case \$(stty -a) in *-icanon*) echo mode=raw;; *) echo mode=cooked;; esac" Enter; until_screen 'mode=cooked$'
ok "Q quits and restores the terminal"

keys clear Enter; start; until_screen '^ 1 Rank'
kill -TERM "$(demo_pid)"; restored 143
ok "SIGTERM restores the terminal"
keys clear Enter; start; until_screen '^ 1 Rank'
kill -HUP "$(demo_pid)"; restored 129
ok "SIGHUP restores the terminal"
keys clear Enter; start 'ASAN_OPTIONS=handle_segv=0 DEMO_JOB=1 DEMO_CRASH=1'; restored 139
ok "a crash restores the terminal"

keys clear Enter; start 'DEMO_JOB=1'; until_screen '[0-9]/40 samples'
ok "a job shows its progress"
keys j; until_screen '^> *conv4'
ok "the interface is alive meanwhile"
keys q; until_screen 'a job is running'
ok "q does not drop a job"
keys C-c; until_screen 'cancelling'
ok "Ctrl-C cancels"
until_screen 'Log' && keys 6 && until_screen 'was cancelled'
ok "the job ends and the log says so"
keys C-c C-c; restored 0
ok "Ctrl-C twice quits"

keys clear Enter; start 'TERM=no-such-terminal'; until_screen 'no-such-terminal.*' && until_screen '[-]-report text' &&
	restored 2
ok "an unknown TERM is an error that names a way out"
keys clear Enter; start 'TERM=dumb'; restored 2
ok "a terminal without a cursor is refused too"
keys clear Enter; start 'NO_COLOR=1'; until_screen '^ 1 Rank'
! T capture-pane -e -p -t t | grep -q '\[[0-9;]*\(3[0-7]\|4[0-7]\|38;5\|48;5\)[;m]'
ok "NO_COLOR draws without colours"
keys Q; restored 0
keys clear Enter; start 'TERM=vt100 LC_ALL=C'; until_screen '^ 1 Rank' && until_screen 'det.onnx <> det.int8'
ok "vt100 without UTF-8 gets ASCII"
keys Q; restored 0
ok "and is restored"

echo "1..$n"
[ $bad -eq 0 ]
