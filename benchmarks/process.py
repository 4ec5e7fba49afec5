"""A process with one thread, free of what the shell says about processors, asked line by line."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Self, cast

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT = Path(__file__).parents[1]
OUR_PYTHON = Path(sys.executable)
PEER_PYTHON = ROOT / ".venv-bench" / "bin" / "python"

ONE_THREAD = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
}
_ABOUT_PROCESSORS = ("OPENBLAS_", "MKL_", "OMP_", "KMP_", "XLA_", "JAX_", "TORCH", "NUMBA_", "NPY_")


class ProcessError(RuntimeError):
    """The process ended before it answered; the message is the last that it said."""


def clean_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's variables but those that steer a numeric library, with one thread each."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(_ABOUT_PROCESSORS)}
    return kept | ONE_THREAD | dict(extra or {})


def forget_what_the_shell_says() -> None:
    """Clean this process's own variables, for children that it does not start itself."""
    for name in set(os.environ) - set(clean_environment()):
        del os.environ[name]


class Process:
    """A child that answers a line with a line."""

    def __init__(
        self, python: Path, module: str, arguments: Sequence[str], extra: Mapping[str, str]
    ) -> None:
        self._errors = TemporaryFile("w+")  # noqa: SIM115 - it lives as long as the process
        self._child = subprocess.Popen(
            [python, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            cwd=ROOT,
            env=clean_environment(extra),
        )
        self._questions = cast("IO[str]", self._child.stdin)
        self._answers = cast("IO[str]", self._child.stdout)

    def ask(self, question: str = "") -> str:
        """Send a line and wait for the answer. Raises ProcessError."""
        # A child that has died is found out by its missing answer.
        with suppress(BrokenPipeError):
            self._questions.write(f"{question}\n")
            self._questions.flush()
        return self.answer()

    def answer(self) -> str:
        """Wait for a line that it says by itself. Raises ProcessError."""
        line = self._answers.readline()
        if not line:
            raise ProcessError(self._last_error())
        return line.strip()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Close its input, which ends it."""
        with suppress(BrokenPipeError):
            self._questions.close()
        self._child.wait()
        self._answers.close()
        self._errors.close()

    def _last_error(self) -> str:
        status = self._child.wait()
        self._errors.seek(0)
        lines = self._errors.read().strip().splitlines()
        return lines[-1] if lines else f"ended with status {status}"
