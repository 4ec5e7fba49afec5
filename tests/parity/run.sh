#!/usr/bin/env bash
# Compares the engine with PyTorch, in an environment of its own that a second run reuses.
# With --write it also writes the reference vectors that `make test` checks the engine against.
set -euo pipefail
cd "$(dirname "$0")/../.."

environment=.venv-parity
wanted=tests/parity/requirements.txt
if ! cmp -s "$wanted" "$environment/installed.txt"; then
  python3 -m venv "$environment"
  "$environment/bin/pip" install --quiet --disable-pip-version-check -r "$wanted"
  cp "$wanted" "$environment/installed.txt"
fi
export OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 MKL_NUM_THREADS=1
exec "$environment/bin/python" -m tests.parity.run "$@"
