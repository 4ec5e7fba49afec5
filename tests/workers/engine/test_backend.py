"""One BLAS thread: required, and seen when it is missing."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

ASK = "import numpy\nfrom workers.engine.backend import require_one_blas_thread as ask; ask()"


@pytest.mark.parametrize(("threads", "succeeds"), [("1", True), ("2", False)])
def test_a_process_with_more_blas_threads_is_refused(threads: str, succeeds: bool) -> None:
    """NumPy imported first has read the setting before the package `workers` can correct it."""
    environ = os.environ | {"OPENBLAS_NUM_THREADS": threads}
    done = subprocess.run(
        [sys.executable, "-c", ASK], env=environ, capture_output=True, text=True, check=False
    )
    assert (done.returncode == 0) is succeeds
    assert succeeds or "set OPENBLAS_NUM_THREADS=1" in done.stderr
