"""What a trace is asked to take apart, with all that it leaves open filled in from a run."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from service.errors import InvalidRequestError, Problem
from service.schemas.training import engine_fields
from service.usecases.plans import named_targets, network_of
from workers.modelling.plan import ModelWish

if TYPE_CHECKING:
    from service.schemas.runs import RunSpec
    from service.schemas.trace import TraceRequest
    from workers.engine.spec import NetworkSpec


def check_whole(wish: TraceRequest) -> None:
    """Refuse a request that says too little.

    Raises:
        InvalidRequestError: neither a network nor a checkpoint, neither rows nor a table.
    """
    if wish.checkpoint_id is not None:
        return
    problems = [
        Problem(f"/{name}", "missing", "This field is required without a checkpoint.")
        for name in ("network", "target")
        if getattr(wish, name) is None
    ]
    if wish.dataset_id is None and not written_rows(wish):
        problems.append(Problem("/rows", "missing", "Without a dataset, write the rows out."))
    if problems:
        raise InvalidRequestError(problems)


def written_rows(wish: TraceRequest) -> list[dict[str, Any]]:
    """Return the rows that were written out."""
    return [row for row in wish.rows or () if isinstance(row, dict)]


def row_numbers(wish: TraceRequest) -> tuple[int, ...] | None:
    """Return the numbers of rows that were given; None for none."""
    return tuple(row for row in wish.rows or () if isinstance(row, int)) or None


def model_wish(
    wish: TraceRequest, run: RunSpec | None, named: NetworkSpec | None, *, has_table: bool
) -> ModelWish:
    """Return the wish of a run that begins with this step.

    `named` is the stored network that it names, if any. What it leaves open is as in `run`, the
    checkpoint's; without a table all rows are one batch, and none is kept to judge by.
    """
    chosen = _chosen(wish, named)
    training = wish.training.wishes()
    if not has_table:
        training = {**training, "early_stopping": None}
        training.pop("batch_size", None)
        chosen["split"] = {"validation": 0.0, "test": 0.0}
    if run is not None:
        chosen = _of_run(run) | chosen
        training = engine_fields(run.training) | training
    return ModelWish(**chosen, training=training)


def _chosen(wish: TraceRequest, named: NetworkSpec | None) -> dict[str, Any]:
    """Return only what the user decided."""
    network, target, features = wish.network, wish.target, wish.features
    chosen = {
        "target": None if target is None else named_targets(target),
        "network": named or (None if network is None else network_of(network)),
        "features": None if features == "auto" else tuple(features),
        "task": None if wish.task == "auto" else wish.task,
        "preprocessing": None if wish.preprocessing == "auto" else wish.preprocessing,
        "seed": wish.seed,
    }
    return {name: value for name, value in chosen.items() if value is not None}


def _of_run(run: RunSpec) -> dict[str, Any]:
    return {
        "target": named_targets(run.target),
        "features": tuple(run.features),
        "task": run.task,
        "network": run.network,
        "preprocessing": run.preprocessing,
        "split": _shallow(run.split),
        "seed": run.seed,
    }


def _shallow(spec: Any) -> dict[str, Any]:
    return {field.name: getattr(spec, field.name) for field in fields(spec)}
