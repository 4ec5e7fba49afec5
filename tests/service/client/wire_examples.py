"""Answers of the service, small and valid."""

from __future__ import annotations

from typing import Any

NOW = "2026-01-02T03:04:05.678Z"
DATASET_ID = "ds_01jgj000000000000000000000"
RUN_ID = "run_01jgj000000000000000000000"
MODEL_ID = "mdl_01jgj000000000000000000000"


def dataset(**changes: Any) -> dict[str, Any]:
    column = {"name": "x", "type": "numeric", "reason": "numbers", "integer": False}
    column |= {"missing": 0, "distinct": 3, "min": 0.0, "max": 2.0, "mean": 1.0, "std": 0.8}
    return {
        "id": DATASET_ID,
        "name": "line.csv",
        "format": "csv",
        "sha256": "0" * 64,
        "bytes": 10,
        "rows": 3,
        "columns": [column],
        "warnings": [],
        "created_at": NOW,
    } | changes


def run(status: str = "succeeded", **changes: Any) -> dict[str, Any]:
    training = {"epochs": 4, "batch_size": 2, "loss": {"type": "mse"}}
    spec: dict[str, Any] = {
        "dataset_id": DATASET_ID,
        "target": "y",
        "features": ["x"],
        "task": "regression",
        "classes": None,
        "recipe": "linear",
        "network": {"layers": []},
        "preprocessing": "standard",
        "training": training,
        "split": {"validation": 0.2},
        "seed": 0,
        "device": "cpu",
        "budget": {"seconds": None, "epochs": None},
        "model": None,
        "parent": None,
        "labels": {},
    }
    progress: dict[str, Any] = {"epoch": 4, "epochs": 4, "step": 8, "fraction": 1.0}
    progress |= {"folds": None, "folds_done": None}
    return {
        "id": RUN_ID,
        "status": status,
        "stop_reason": {"succeeded": "max_epochs", "failed": "diverged"}.get(status),
        "requested": None,
        "dataset_id": DATASET_ID,
        "target": "y",
        "task": "regression",
        "spec": spec,
        "seed": 0,
        "device": "cpu",
        "priority": 0,
        "parent": None,
        "replay_of": None,
        "replay": None,
        "progress": progress | {"eta_seconds": None, "samples_per_second": None},
        "metrics": {"epoch": 4, "train_loss": 0.01, "val_loss": 0.02, "val_r2": 0.98},
        "best": None,
        "model_id": MODEL_ID if status == "succeeded" else None,
        "attempt": 1,
        "status_history": [{"status": status, "reason": None, "at": NOW}],
        "error": None,
        "reproducible": True,
        "weights_sha256": None,
        "created_at": NOW,
        "started_at": NOW,
        "finished_at": NOW,
    } | changes


def replay(**difference: Any) -> dict[str, Any]:
    """A run that repeats another, and came out the same unless there is a difference."""
    first = {"step": 20, "last_equal_step": 10, "name": "val_loss"} | difference
    result = {
        "of": "run_first",
        "checkpoint_id": None,
        "identical": not difference,
        "first_difference": first if difference else None,
        "reason": None,
    }
    return run(replay_of="run_first", replay=result, model_id=None)


def event(seq: int, kind: str = "log", **data: Any) -> dict[str, Any]:
    return {
        "id": f"evt_{seq:026}",
        "seq": seq,
        "type": kind,
        "level": "info",
        "message": f"event {seq}",
        "data": data,
        "created_at": NOW,
    }


def epoch_event(seq: int, epoch: int) -> dict[str, Any]:
    metrics = {"train_loss": 1.0 / epoch, "val_r2": 0.9}
    return event(seq, "epoch.completed", epoch=epoch, metrics=metrics)


def status_event(seq: int, status: str) -> dict[str, Any]:
    return event(seq, "run.status_changed", **{"from": None, "to": status, "reason": None})


def model(**changes: Any) -> dict[str, Any]:
    return {
        "id": MODEL_ID,
        "name": "line",
        "version": 1,
        "run_id": RUN_ID,
        "dataset_id": DATASET_ID,
        "target": "y",
        "task": "regression",
        "features": [{"name": "x", "type": "numeric"}, {"name": "kind", "type": "categorical"}],
        "classes": None,
        "parameters": 2,
        "bytes": 100,
        "sha256": "0" * 64,
        "metrics": {"val_r2": 0.98},
        "created_at": NOW,
    } | changes


def predictions(*values: float) -> dict[str, Any]:
    return {
        "model_id": MODEL_ID,
        "predictions": [{"value": value} for value in values],
        "warnings": [],
    }
