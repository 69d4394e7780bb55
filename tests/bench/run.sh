#!/bin/sh
# What `make bench` runs: one markdown table of ratios measured in one run.
# QDEBUG is the program, THREADS the number of samples in flight (all cores).
set -e
cd "$(dirname "$0")/../.."
exec build/venv/bin/python tests/bench/bench.py "$@"
