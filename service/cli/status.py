"""`slope status`: how the service stands."""

from typing import TYPE_CHECKING

import typer

from service.cli.output import JsonOption, table, write, write_json
from service.schemas.service import WorkerStatus

if TYPE_CHECKING:
    from service.cli.connection import Connection


def status(context: typer.Context, as_json: JsonOption = False) -> None:
    """Show which parts are there, how long runs wait, and who trains them."""
    connection: Connection = context.obj
    with connection.open() as client:
        found = client.status()
    if as_json:
        write_json(found)
        return
    facts = {
        "database": _presence(found.database),
        "broker": _presence(found.broker),
        "reconciled": _seconds(found.reconciled_seconds_ago, " ago"),
        "longest wait": _seconds(found.oldest_wait_seconds),
        "runs": ", ".join(f"{count} {name}" for name, count in found.runs.items()) or "none",
    }
    write(table(("SERVICE", connection.url), list(facts.items())))
    write(table(("WORKER", "SLOTS", "LAST SEEN", ""), map(_row, found.workers)))


def _row(worker: WorkerStatus) -> tuple[str, ...]:
    seen = worker.last_seen.isoformat(timespec="seconds")
    return ", ".join(worker.queues), str(worker.slots), seen, "deaf" if worker.deaf else ""


def _presence(is_there: bool) -> str:
    return "there" if is_there else "away"


def _seconds(seconds: float | None, words: str = "") -> str:
    return "-" if seconds is None else f"{seconds:.1f} s{words}"
