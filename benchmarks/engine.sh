#!/usr/bin/env bash
# Training speed of the engine beside scikit-learn and PyTorch, one core each.
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/parity/environment.sh
exec "$environment/bin/python" -m benchmarks.engine "$@"
