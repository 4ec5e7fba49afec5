"""A worker's device: what it computes with, and how it ends without it."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from workers.computing import check, kernels_for
from workers.engine.fingerprint import numerics_fingerprint

if TYPE_CHECKING:
    from pathlib import Path


def test_a_cpu_needs_no_check_and_copies_nothing() -> None:
    kernels = kernels_for("cpu")
    facts = check("cpu")
    assert (facts.name, facts.memory_bytes) == ("cpu", None)
    # What a run of this worker records, so that it can be found again.
    assert facts.numerics == numerics_fingerprint("float32", kernels)
    assert kernels.upload is None


def test_a_worker_told_to_use_a_gpu_that_is_not_there_ends_with_the_reason(tmp_path: Path) -> None:
    hidden = {"SLOPE_DEVICE": "cuda", "CUDA_VISIBLE_DEVICES": "", "SLOPE_STATE_DIR": str(tmp_path)}
    ended = subprocess.run(
        [sys.executable, "-m", "workers"],
        env={**os.environ, **hidden},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode != 0
    assert "SLOPE_DEVICE=cuda: " in ended.stderr
