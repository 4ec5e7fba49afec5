#!/usr/bin/env bash
# Compares the engine with PyTorch, live; prints the parity table, fails where a gate is missed.
# With --write it also writes the reference vectors that `make test` checks the engine against.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/parity/environment.sh
exec "$environment/bin/python" -m tests.parity.run "$@"
