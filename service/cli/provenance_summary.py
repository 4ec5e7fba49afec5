"""What a run's weights come from, in a few lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.cli.output import table

if TYPE_CHECKING:
    from rich.table import Table

    from service.schemas.provenance import Attempt, Provenance


def provenance_summary(found: Provenance) -> Table:
    """Return digests, numerics and attempts, one of them a line."""
    return table(("WHAT", "VALUE"), [(name, text) for name, text in _lines(found) if text])


def _lines(found: Provenance) -> list[tuple[str, str]]:
    numerics = found.numerics or {}
    known = ("engine", "kernels", "dtype", "device", "machine", "numpy")
    return [
        ("run", found.run_id),
        ("specification", f"sha256 {found.spec_sha256}"),
        ("dataset", f"{found.dataset.id}  sha256 {found.dataset.sha256}"),
        ("seed", f"{found.seed}"),
        ("weights", f"sha256 {found.weights_sha256}" if found.weights_sha256 else ""),
        ("numerics", "  ".join(f"{name} {numerics[name]}" for name in known if name in numerics)),
        ("reproducible", "yes" if found.reproducible else "no"),
        *((f"attempt {attempt.attempt}", _told(attempt)) for attempt in found.attempts),
        *(("goes on from", f"{p.checkpoint_id} of {p.run_id} ({p.mode})") for p in found.parents),
        ("repeats", found.replay_of or ""),
        *(("repeated by", f"{r.run_id} {_IDENTICAL[r.identical]}") for r in found.replays),
    ]


_IDENTICAL = {True: "bit for bit", False: "with other bits", None: "not compared"}


def _told(attempt: Attempt) -> str:
    end = "" if attempt.ended_by is None else f", ended by {attempt.ended_by}"
    return f"{attempt.started_at:%Y-%m-%d %H:%M:%S} on {attempt.worker or 'a worker'}{end}"
