"""A run in a few lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

if TYPE_CHECKING:
    from service.schemas.runs import Replay, Run

_STYLES = {"succeeded": "green", "stopped": "green", "failed": "red", "cancelled": "yellow"}


def run_summary(run: Run) -> Text:
    """Return state, metrics and what can be done next."""
    text = Text()
    text.append(run.status, style=_STYLES.get(run.status, "bold"))
    if run.stop_reason is not None:
        text.append(f" ({run.stop_reason})")
    text.append(f"  {run.id}  epoch {run.progress.epoch} of {run.progress.epochs}{_took(run)}")
    if run.error is not None:
        text.append(f"\n  {run.error.code}: {run.error.detail}", style="red")
    if metrics := format_metrics(run.metrics):
        text.append(f"\n  last epoch: {metrics}")
    if run.requested is not None:
        text.append(f"\n  asked to {run.requested}")
    if run.replay is not None:
        text.append(f"\n  {_replay(run.replay)}")
    if run.model_id is not None:
        stopping = run.spec.training.early_stopping
        if run.best is not None and stopping is not None and stopping.restore_best:
            best = f"{run.best.monitor} {run.best.value:.4g}"
            text.append(f"\n  the model is that of epoch {run.best.epoch}: {best}")
        ref = run.spec.model or run.model_id
        text.append(f"\n  predict with it: slope predict {ref} FILE")
    return text


def format_target(target: str | list[str]) -> str:
    """Return the names of one target or several."""
    return target if isinstance(target, str) else ", ".join(target)


def format_metrics(metrics: dict[str, float | int | None]) -> str:
    """Return the metrics of an epoch in one line."""
    return "  ".join(
        f"{name} {value:.4g}"
        for name, value in metrics.items()
        if value is not None and name != "epoch"
    )


def _replay(replay: Replay) -> str:
    again = f"{replay.of} again"
    first = replay.first_difference
    if replay.identical:
        return f"{again}: bit for bit the same"
    if first is not None:
        values = f"recorded {first.recorded}, now {first.replayed}"
        return f"{again}: {first.name} of epoch {first.epoch} is different: {values}"
    return f"{again}{'' if replay.reason is None else f': {replay.reason}'}"


def _took(run: Run) -> str:
    if run.started_at is None or run.finished_at is None:
        return ""
    return f", {(run.finished_at - run.started_at).total_seconds():.1f} s"
