"""What a worker computes with: the kernels of its device.

`python -m workers.computing` opens the GPU, says what it is, and ends: the main process of a worker
must not do so itself, for a CUDA context does not survive a fork.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, cast

from workers.engine.fingerprint import numerics_fingerprint
from workers.engine.kernels.chunk import CHUNKED
from workers.engine.kernels.native.compiling import KernelsError
from workers.engine.kernels.native.library import load

if TYPE_CHECKING:
    from workers.engine.kernels.contract import Kernels

Device = Literal["cpu", "cuda"]

_CHECK_S = 120.0
"""Opening a GPU takes seconds; the first time on a machine its libraries are slow to load."""


@dataclass(frozen=True)
class DeviceFacts:
    """What a device is to those who choose among workers."""

    numerics: Mapping[str, Any]
    """The fingerprint of trainings in float32."""
    memory_bytes: int | None
    """Its own memory; None where it computes in the machine's."""

    @property
    def name(self) -> str:
        """What it is called."""
        return str(self.numerics["device"])


class DeviceError(RuntimeError):
    """The device that the worker was told to use cannot be used; the message says why."""


def kernels_for(device: Device) -> Kernels:
    """Open the device and return its kernels; for a GPU, in a process that forks no more.

    Raises:
        DeviceError: there is no such device here, or not what it needs.
    """
    if device == "cpu":
        return CHUNKED
    try:
        # By name, and here alone: CuPy is there on GPU nodes only.
        backend = import_module("workers.engine.backend_cuda")
        cuda = import_module("workers.engine.kernels.cuda")
    except ImportError as error:
        raise DeviceError(f"CuPy is missing: install requirements-gpu.txt ({error})") from error
    try:
        backend.take_gpu()
    except backend.NoGpuError as error:
        raise DeviceError(str(error)) from error
    return cast("Kernels", cuda.cuda_kernels())


def check(device: Device) -> DeviceFacts:
    """Open a GPU in a process of its own, load the kernels of a CPU in this; say what it is.

    Raises:
        DeviceError: as `kernels_for`.
    """
    if device == "cpu":
        try:
            # Before the pool forks, which then shares them, and before any run can wait for them.
            load()
        except KernelsError as error:
            raise DeviceError(str(error)) from error
        return _facts(kernels_for(device), None)
    command = (sys.executable, "-m", __name__)
    try:
        done = subprocess.run(  # noqa: S603 - ourselves
            command, capture_output=True, text=True, timeout=_CHECK_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise DeviceError(f"the GPU did not open within {_CHECK_S:g} s") from error
    if done.returncode != 0:
        raise DeviceError(done.stderr.strip().splitlines()[-1] if done.stderr else "no GPU")
    return DeviceFacts(**json.loads(done.stdout))


def main() -> None:
    """Write what the GPU is to standard output, or end with the reason why there is none."""
    try:
        kernels = kernels_for("cuda")
    except DeviceError as error:
        sys.exit(str(error))
    memory_bytes = import_module("workers.engine.backend_cuda").memory_bytes()
    sys.stdout.write(json.dumps(asdict(_facts(kernels, memory_bytes))))


def _facts(kernels: Kernels, memory_bytes: int | None) -> DeviceFacts:
    return DeviceFacts(numerics_fingerprint("float32", kernels), memory_bytes)


if __name__ == "__main__":
    main()
