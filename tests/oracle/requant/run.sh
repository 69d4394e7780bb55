#!/bin/sh
# The quantizer against the live reference. Prints TAP.
cd "$(dirname "$0")/../../.." || exit 1
python=build/venv/bin/python
if ! [ -x $python ]; then
	echo 'not ok 1 - build/venv is missing, run make models'
	exit 1
fi
exec $python tests/oracle/requant/run.py "$@"
