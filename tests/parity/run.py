"""The parity table: the worst deviation of every kind of case from its peer, beside its gate.

Run by tests/parity/run.sh; exits 1 where a gate is missed. With --write, the numbers that the peer
gave for cases of seed 0 are written to tests/vectors/ as reference vectors.
"""

from __future__ import annotations

import datetime
import platform
import sys
import time

import numpy as np
import sklearn
import torch

from tests.parity import vectors
from tests.parity.case import GATES, deviation
from tests.parity.cases.table import cases
from tests.parity.ours.table import compute as ours
from tests.parity.theirs.table import compute as theirs

SEEDS = range(5)


def main() -> int:
    """Compare, print, and say by the exit code whether every gate held."""
    torch.set_num_threads(1)
    # The product of NAdam's momenta is kept in this, whatever the parameters are in.
    torch.set_default_dtype(torch.float64)
    started = time.monotonic()
    worst: dict[str, tuple[float, str]] = dict.fromkeys(GATES, (0.0, "-"))
    counts = dict.fromkeys(GATES, 0)
    references = []
    for seed in SEEDS:
        for case in cases(seed):
            expected = theirs(case)
            gap = deviation(ours(case), expected)
            counts[case.kind] += 1
            worst[case.kind] = max(worst[case.kind], (gap, f"{case.name} (seed {seed})"))
            if gap > GATES[case.kind]:
                sys.stdout.write(f"missed by {gap:.1e}: {case.name} (seed {seed})\n")
            if seed == 0 and case.stored:
                references.append((case, expected))
    if "--write" in sys.argv[1:]:
        vectors.write(_versions(), references)
    _print_table(worst, counts, time.monotonic() - started)
    return int(any(gap > GATES[kind] for kind, (gap, _) in worst.items()) or 0 in counts.values())


def _versions() -> dict[str, str]:
    return {
        "script": "tests/parity/run.sh --write",
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }


def _print_table(
    worst: dict[str, tuple[float, str]], counts: dict[str, int], seconds: float
) -> None:
    lines = [
        f"Slope's engine beside PyTorch {torch.__version__}, scikit-learn {sklearn.__version__}, "
        f"NumPy {np.__version__}; {len(SEEDS)} seeds, {seconds:.0f} s",
        f"{'gate':<17}{'cases':>6}{'worst':>10}{'limit':>9}       at",
    ]
    for kind, limit in GATES.items():
        gap, name = worst[kind]
        verdict = "ok  " if gap <= limit else "MISS"
        lines.append(f"{kind:<17}{counts[kind]:>6}{gap:>10.1e}{limit:>9.0e}  {verdict} {name}")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    sys.exit(main())
