"""For which processor kernels are compiled: a level that many share, not the one at hand.

A cache filled on one machine, or in an image, is then valid on every machine of that level, and a
run has the same code on all of them.
"""

from __future__ import annotations

import platform
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

CPUINFO = Path("/proc/cpuinfo")

_X86_64 = frozenset(("x86_64", "AMD64", "x86-64"))
_V2 = frozenset(("cx16", "lahf_lm", "popcnt", "sse4_1", "sse4_2", "ssse3"))
_V3 = _V2 | {"abm", "avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "movbe", "xsave"}
_V4 = _V3 | {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}


class Target(NamedTuple):
    """What the compiler is told: the name of a processor, and features on top of it."""

    cpu: str
    features: str


GENERIC = Target("generic", "")

# The compiler would take half of a vector where it believes that whole ones cost clock rate.
_X86_LEVELS = (
    (_V4, Target("x86-64-v4", "-prefer-256-bit")),
    (_V3, Target("x86-64-v3", "")),
    (_V2, Target("x86-64-v2", "")),
)


def targets(machine: str) -> tuple[Target, ...]:
    """All that an image for such a machine must be warmed for, best first."""
    if machine not in _X86_64:
        return (GENERIC,)
    return (*(target for _, target in _X86_LEVELS), GENERIC)


def choose_target(machine: str, flags: Iterable[str]) -> Target:
    """The best target that a processor with these flags can run."""
    have = frozenset(flags)
    if machine in _X86_64:
        for needed, target in _X86_LEVELS:
            if needed <= have:
                return target
    return GENERIC


def this_target() -> Target:
    """The target of the processor at hand."""
    return choose_target(platform.machine(), _flags())


def _flags() -> list[str]:
    try:
        with CPUINFO.open() as lines:
            for line in lines:
                if line.startswith("flags"):
                    return line.partition(":")[2].split()
    except OSError:
        pass  # Not Linux: what every processor of the kind can do must be enough.
    return []
