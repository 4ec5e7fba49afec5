"""The machine and the versions that a table of measurements belongs to."""

from __future__ import annotations

import json
import os
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.process import OUR_PYTHON, PEER_PYTHON, ROOT, clean_environment

_OURS = ("numpy", "scipy", "numba")
_PEERS = ("scikit-learn", "torch", "jax")
_VERSIONS = """
import importlib.metadata, json, sys
print(json.dumps({name: importlib.metadata.version(name) for name in sys.argv[1:]}))
"""
_KERNEL = """
import workers.engine
from workers.engine.backend import blas_libraries
print(", ".join(f"{blas.library} {blas.version} ({blas.kernel})" for blas in blas_libraries()))
"""


def describe() -> str:
    """Processor, load, versions, date: one paragraph."""
    python = _ask(OUR_PYTHON, "import platform; print(platform.python_version())")
    versions = _versions(OUR_PYTHON, _OURS) | _versions(PEER_PYTHON, _PEERS)
    libraries = ", ".join(f"{name} {version}" for name, version in versions.items())
    load = os.getloadavg()[0]
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {_processor()}, load {load:.1f}; "
        f"Python {python}, {libraries}, {_ask(OUR_PYTHON, _KERNEL)}."
    )


def _processor() -> str:
    text = Path("/proc/cpuinfo").read_text()
    name = re.search(r"^model name\s*: (.*)$", text, re.MULTILINE)
    family = re.search(r"^cpu family\s*: (.*)$", text, re.MULTILINE)
    described = name.group(1) if name else os.uname().machine
    return f"{os.cpu_count()} x {described}" + (f" (family {family.group(1)})" if family else "")


def _versions(python: Path, names: tuple[str, ...]) -> dict[str, str]:
    if not python.exists():
        return {}
    found: dict[str, str] = json.loads(_ask(python, _VERSIONS, *names))
    return found


def _ask(python: Path, program: str, *arguments: str) -> str:
    found = subprocess.run(
        [python, "-c", program, *arguments],
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=clean_environment(),
    )
    return found.stdout.strip()
