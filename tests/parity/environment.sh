# Sourced from the repository root: an environment with PyTorch and scikit-learn beside the engine.
# It is made once, and again only when the pinned versions change.
environment=.venv-parity
pinned=tests/parity/requirements.txt
if ! cmp -s "$pinned" "$environment/installed.txt"; then
  .venv/bin/python -m venv "$environment"
  "$environment/bin/pip" install --quiet --disable-pip-version-check -r "$pinned"
  cp "$pinned" "$environment/installed.txt"
fi
export OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 MKL_NUM_THREADS=1
