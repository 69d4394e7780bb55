#!/bin/sh
# Oracle tests: the program against the reference package and against NumPy. Prints TAP.
# Arguments choose parts (see run.py); QDEBUG is the program.
cd "$(dirname "$0")/../.." || exit 1
python=build/venv/bin/python
if ! [ -x $python ]; then
	echo 'not ok 1 - build/venv is missing, run make models'
	exit 1
fi
exec $python tests/oracle/run.py "$@"
