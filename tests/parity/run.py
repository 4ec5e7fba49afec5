"""The parity table: the worst deviation of every kind of case from PyTorch, beside its gate.

Run by tests/parity/run.sh; exits 1 where a gate is missed. With --write, the cases of seed 0 are
written to tests/vectors/ as reference vectors.
"""

from __future__ import annotations

import datetime
import platform
import sys

import numpy as np
import torch

from tests.parity import ours, theirs, vectors
from tests.parity.cases import GATES, cases, deviation

SEEDS = range(5)


def main() -> int:
    """Compare, print, and say by the exit code whether every gate held."""
    torch.set_num_threads(1)
    worst: dict[str, tuple[float, str]] = dict.fromkeys(GATES, (0.0, "-"))
    counts = dict.fromkeys(GATES, 0)
    references = []
    for seed in SEEDS:
        for case in cases(seed):
            expected = theirs.compute(case)
            gap = deviation(ours.compute(case), expected)
            counts[case.kind] += 1
            worst[case.kind] = max(worst[case.kind], (gap, f"{case.name} (seed {seed})"))
            if seed == 0:
                references.append((case, expected))
    if "--write" in sys.argv[1:]:
        vectors.write(_versions(), references)
    _print_table(worst, counts)
    return int(any(gap > GATES[kind] for kind, (gap, _) in worst.items()))


def _versions() -> dict[str, str]:
    return {
        "script": "tests/parity/run.sh --write",
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }


def _print_table(worst: dict[str, tuple[float, str]], counts: dict[str, int]) -> None:
    lines = [
        f"Slope's engine beside PyTorch {torch.__version__}, NumPy {np.__version__}",
        f"{'gate':<17}{'cases':>6}{'worst':>10}{'limit':>9}       at",
    ]
    for kind, limit in GATES.items():
        gap, name = worst[kind]
        verdict = "ok  " if gap <= limit else "MISS"
        lines.append(f"{kind:<17}{counts[kind]:>6}{gap:>10.1e}{limit:>9.0e}  {verdict} {name}")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    sys.exit(main())
