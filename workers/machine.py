"""The machine: how much memory there is for a run."""

from __future__ import annotations

from pathlib import Path

_CGROUP_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


def memory_bytes(
    meminfo: Path = Path("/proc/meminfo"), limits: tuple[Path, ...] = _CGROUP_LIMITS
) -> int:
    """Return the machine's memory, or what its container may take of it."""
    lines = meminfo.read_text().splitlines()
    total = next(1024 * int(line.split()[1]) for line in lines if line.startswith("MemTotal:"))
    # No limit is the word "max" in the newer files, and in the older ones a number beyond reason.
    texts = [limit.read_text().strip() for limit in limits if limit.exists()]
    return min([total, *(int(text) for text in texts if text.isdecimal())])
