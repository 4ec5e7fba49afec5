"""What the processes said: errors that no injected fault explains, and writers fenced off."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_SERIOUS = frozenset(("error", "critical"))

# Of a line's event, what is said of a fault as it should be.
_EXPLAINED = (
    # Celery: a pool process was killed, or left by itself (`heartbeat.EXIT_STUCK`).
    "exited with 'signal 9 (SIGKILL)'",
    "exited with 'exitcode 86'",
    "Worker exited prematurely: signal 9 (SIGKILL)",
    "Worker exited prematurely: exitcode 86",
    # The same, while its worker was starting: the worker ends, and is started again.
    "Could not start worker processes",
    # Celery: the broker is away, hangs, or has lost its data.
    "consumer: Cannot connect to",
    "Couldn't ack",
    # SQLAlchemy: PostgreSQL went away while a table was streamed; the reading itself is repeated.
    "Error closing cursor",
    # Ours: the watchdog of a training behind a black hole.
    "stuck in a database call, leaving",
)


class Logs:
    """The lines of all processes."""

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = files

    def unexplained(self) -> list[str]:
        """Return the errors that no fault explains, each kind once with its count."""
        found: Counter[str] = Counter()
        for file, record in self._records():
            text = f"{record.get('event', '')} {record.get('exception', '')}"
            if record.get("level") in _SERIOUS and not any(known in text for known in _EXPLAINED):
                found[f"{file.name}: {text.strip()[-600:]}"] += 1
        return [f"{n} x {line}" for line, n in found.most_common()]

    def count(self, words: str) -> int:
        """Return how many lines have these words."""
        return sum(words in str(record.get("event", "")) for _, record in self._records())

    def _records(self) -> Iterator[tuple[Path, dict[str, Any]]]:
        for file in self._files:
            for line in file.read_text(errors="replace").splitlines():
                yield file, _record(line)


def _record(line: str) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except ValueError:
        # Not through our logs: a traceback at the edge of a process, a warning of a library.
        return {"level": "error" if line.startswith("Traceback") else "plain", "event": line}
    return record if isinstance(record, dict) else {"event": line}
