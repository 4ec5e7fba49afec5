# Sourced from the repository root: an environment with the engine's peers, made once, and again
# only when the pinned versions change. The engine itself is measured in .venv, as it is shipped.
environment=.venv-bench
pinned=benchmarks/requirements.txt
if ! cmp -s "$pinned" "$environment/installed.txt"; then
  .venv/bin/python -m venv "$environment"
  "$environment/bin/pip" install --quiet --disable-pip-version-check -r "$pinned"
  cp "$pinned" "$environment/installed.txt"
fi
