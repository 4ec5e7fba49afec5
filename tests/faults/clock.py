"""A host's clock that jumps under a running process, as one that is set by hand does.

The first eight bytes of the file `clock` in FAULTS_DIR are the seconds that it is fast.
"""

from __future__ import annotations

import mmap
import os
import struct
import sys
import time
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

# Else imported once the clock has been replaced: it compares the times that messages bear.
import celery.worker.request  # noqa: F401

_FILE = Path(os.environ["FAULTS_DIR"]) / "clock"
_SECONDS = struct.Struct("d")
_time = time.time


def make_jumpy() -> None:
    """Replace the wall clock of this process, wherever it was imported by name.

    Intervals are measured on the monotonic clock, which no jump moves.
    """
    # Compiled modules look for the true class in its own module.
    spared = ("datetime", __name__)
    for module in [module for name, module in sys.modules.items() if name not in spared]:
        for name, value in list(vars(module).items()):
            if value is _time:
                vars(module)[name] = _jumpy_time
            elif value is datetime:
                vars(module)[name] = _JumpyDatetime


def _open() -> mmap.mmap:
    with _FILE.open("r+b") as stream:
        return mmap.mmap(stream.fileno(), _SECONDS.size)


_memory = _open()


def _fast_by_s() -> float:
    return float(_SECONDS.unpack_from(_memory)[0])


def _jumpy_time() -> float:
    return _time() + _fast_by_s()


class _LikeDatetime(type):
    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, datetime)


class _JumpyDatetime(datetime, metaclass=_LikeDatetime):
    """Makes plain datetimes; only what it calls now is another time."""

    def __new__(cls, *args: Any, **kw: Any) -> Any:
        return datetime(*args, **kw)  # noqa: DTZ001 - as its caller asks

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Any:
        return datetime.now(tz) + timedelta(seconds=_fast_by_s())

    @classmethod
    def utcnow(cls) -> Any:
        return cls.now(UTC).replace(tzinfo=None)

    @classmethod
    def fromtimestamp(cls, timestamp: float, tz: tzinfo | None = None) -> Any:
        return datetime.fromtimestamp(timestamp, tz)
