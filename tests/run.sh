#!/bin/sh
# Runs tests and counts: each argument is a program or a script that prints TAP
# ("ok 1 - name", "not ok 2 - name"; cmocka does when asked), or NAME=VALUE, which
# is environment for those after it. Output is kept in build/log and shown when
# something failed. A test that ends badly without saying so, that prints no result,
# or fewer than it planned, is a failure. The last line says "N passed, N failed".
cd "$(dirname "$0")/.." || exit 1
log=build/log
limit=${TEST_TIMEOUT:-1200}	# seconds; only against tests that hang
passed=0 failed=0 skipped=0
mkdir -p $log

export CMOCKA_MESSAGE_OUTPUT=TAP
# gcc 14 puts variables of 64-byte vectors at multiples of 32 in the stack it fakes to find uses after
# return (GCC bug 110027): without the fake stack they lie where the kernels need them.
export ASAN_OPTIONS="detect_leaks=1:allocator_may_return_null=1:detect_stack_use_after_return=0${ASAN_OPTIONS:+:$ASAN_OPTIONS}"
export UBSAN_OPTIONS="halt_on_error=1:print_stacktrace=1${UBSAN_OPTIONS:+:$UBSAN_OPTIONS}"
export TSAN_OPTIONS="halt_on_error=1:second_deadlock_stack=1:suppressions=$PWD/tests/tsan.supp${TSAN_OPTIONS:+:$TSAN_OPTIONS}"

# count FILE: "passed failed skipped planned", the plan is -1 where there is none
count() {
	awk '/^ok / { if (/# *[Ss][Kk][Ii][Pp]/) s++; else p++ }
	/^not ok / { if (/# *[Ss][Kk][Ii][Pp]/) s++; else f++ }
	/^1\.\.[0-9]+/ { plan = (plan < 0 ? 0 : plan) + substr($1, 4) }
	BEGIN { plan = -1 }
	END { print p + 0, f + 0, s + 0, plan }' "$1"
}

# The thread sanitizer of older compilers cannot live with much randomness in the
# layout of memory.
fixed=
! setarch -R true 2>/dev/null || fixed='setarch -R'

for test do
	case $test in
	[A-Za-z_]*=*)
		export "${test?}"
		continue ;;
	*/*) ;;
	*)  test=./$test ;;
	esac
	out=$log/$(echo "${test#build/}" | tr / .)${QDEBUG:+.$(echo "${QDEBUG#build/}" | tr / .)}
	case $test in
	*/san-thread/*) how=$fixed ;;
	*) how= ;;
	esac
	timeout -k 10 "$limit" $how "$test" >"$out" 2>&1 </dev/null
	status=$?
	# shellcheck disable=SC2046 # four numbers
	set -- $(count "$out")
	bad=$2 why=
	if [ $status = 124 ]; then
		why="still running after $limit s"
	elif [ $status != 0 ] && [ "$bad" = 0 ]; then
		why="ended with status $status"
	elif [ $(($1 + $2 + $3)) = 0 ]; then
		why='printed no result'
	elif [ "$4" -gt $(($1 + $2 + $3)) ]; then
		why="printed $(($1 + $2 + $3)) of $4 results"
	fi
	[ -z "$why" ] || bad=$((bad + 1))
	passed=$((passed + $1)) failed=$((failed + bad)) skipped=$((skipped + $3))
	if [ "$bad" = 0 ]; then
		printf '  %-5s %s (%d)\n' ok "$test" "$1"
		[ "$3" = 0 ] || sed -nE '/# *skip/I s/^(not )?ok [0-9]+/        skip/p' "$out"
	else
		printf '  %-5s %s %s\n' FAIL "$test" "$why"
		grep -v '^ok ' "$out" | tail -n 60 | sed 's/^/        /'
	fi
done
[ $skipped = 0 ] || echo "$skipped skipped"
echo "$passed passed, $failed failed"
[ $failed = 0 ] && [ $passed -gt 0 ]
