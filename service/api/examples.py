"""One example for each operation, as the document shows it; a test reads them by the schemas."""

from __future__ import annotations

from typing import Any

_DATASET_ID = "ds_01k9z8m5w0e7v2q4n6r8t0x2za"
_NETWORK_ID = "net_01k9z8n1a2b3c4d5e6f7g8h9jk"
_RUN_ID = "run_01k9z8p4q5r6s7t8v9w0x1y2z3"
_MODEL_ID = "mdl_01k9z8qa1b2c3d4e5f6g7h8j9k"
_CHECKPOINT_ID = "ckpt_01k9z8r7s8t9v0w1x2y3z4a5b6"
_SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
_AT = "2026-11-22T09:30:00.000Z"

READY = {"status": "ok", "missing": []}
STATUS = {
    "database": True,
    "broker": True,
    "reconciled_seconds_ago": 2.5,
    "oldest_wait_seconds": 1.25,
    "runs": {"queued": 3, "running": 2, "succeeded": 41},
    "workers": [
        {
            "queues": ["slope.cpu"],
            "slots": 2,
            "memory_bytes": 2_147_483_648,
            "last_seen": _AT,
            "heard_at": _AT,
            "deaf": False,
        }
    ],
}
LIMITS = {"json_bytes": {"value": 8_388_608, "description": "Size of a JSON body."}}


def page(item: dict[str, Any]) -> dict[str, Any]:
    """Return the last page of a list with one item."""
    return {"data": [item], "next": None}


UPLOAD = {
    "file": "species,bill_length_mm\nAdelie,39.1\nGentoo,46.1\n",
    "name": "penguins",
    "schema": '{"species": {"type": "categorical", "missing": ["NA"]}}',
    "parse": '{"delimiter": ","}',
}
UPLOAD_FORM = {
    "type": "object",
    "required": ["file"],
    "additionalProperties": False,
    "properties": {
        "file": {
            "type": "string",
            "format": "binary",
            "description": "The table: CSV, TSV, JSON rows, NDJSON, Parquet or NPY.",
        },
        "name": {
            "type": "string",
            "maxLength": 200,
            "example": "penguins",
            "description": "The file's name if unset.",
        },
        "schema": {
            "type": "string",
            "example": "{}",
            "description": "JSON: overrides by column, `{column: {type, missing}}`.",
        },
        "parse": {
            "type": "string",
            "example": "{}",
            "description": "JSON: `{format, delimiter, quote, encoding, header, decimal}`.",
        },
    },
}

_SPECIES = {
    "name": "species",
    "type": "categorical",
    "reason": "3 different values in 344 cells",
    "integer": False,
    "missing": 0,
    "distinct": 3,
    "min": None,
    "max": None,
    "mean": None,
    "std": None,
    "top": [
        {"value": "Adelie", "count": 152},
        {"value": "Gentoo", "count": 124},
        {"value": "Chinstrap", "count": 68},
    ],
    "histogram": None,
}
_BILL = {
    "name": "bill_length_mm",
    "type": "numeric",
    "reason": "each of 342 cells is a number, and 2 are missing",
    "integer": False,
    "missing": 2,
    "distinct": 164,
    "min": 32.1,
    "max": 59.6,
    "mean": 43.92,
    "std": 5.45,
    "top": [],
    "histogram": {"edges": [32.1, 41.27, 50.43, 59.6], "counts": [127, 171, 44]},
}
DATASET = {
    "id": _DATASET_ID,
    "name": "penguins.csv",
    "format": "csv",
    "sha256": _SHA256,
    "bytes": 15_241,
    "rows": 344,
    "columns": [_SPECIES, _BILL],
    "warnings": [],
    "parent_id": None,
    "created_at": _AT,
}
DATASET_ROWS = {
    "offset": 0,
    "rows": [{"species": "Adelie", "bill_length_mm": 39.1}],
    "total": 344,
}

_LAYER = {
    "type": "dense",
    "units": 32,
    "activation": "relu",
    "initializer": "he_uniform",
    "bias": True,
}
_OUTPUT = {"activation": "softmax"}
_ADAM = {
    "type": "adam",
    "learning_rate": 0.001,
    "beta1": 0.9,
    "beta2": 0.999,
    "epsilon": 1e-8,
}
_TRAINING = {
    "epochs": 100,
    "batch_size": 32,
    "loss": {"type": "softmax_cross_entropy"},
    "optimizer": _ADAM,
    "schedule": {"type": "one_cycle", "rise": 0.3},
    "early_stopping": None,
    "clip_norm": 1.0,
    "clip_value": None,
    "accumulate": 1,
    "ema_decay": None,
    "class_weight": None,
    "sample_weight": None,
    "shuffle": True,
    "precision": "float32",
    "members": 1,
}
NETWORK_CREATE = {"name": "one-hidden", "layers": [_LAYER]}
NETWORK = {
    "id": _NETWORK_ID,
    "name": "one-hidden",
    "layers": [_LAYER],
    "output": None,
    "skip": False,
    "embeddings": [],
    "created_at": _AT,
}
NETWORK_VALIDATE = {
    "network": {"layers": [_LAYER]},
    "training": {"epochs": 100},
    "dataset_id": _DATASET_ID,
    "target": "species",
}
VALIDATION = {
    "resolved": {"network": {"layers": [_LAYER], "output": _OUTPUT}, "training": _TRAINING},
    "layers": [
        {"name": "layers.0", "type": "dense", "output_shape": [32], "parameters": 96},
        {"name": "layers.1", "type": "dense", "output_shape": [3], "parameters": 99},
    ],
    "parameters": 195,
    "memory_bytes": 52_000,
    "flops_per_epoch": 310_000,
    "seconds_per_epoch": 0.0005,
    "warnings": [],
    "errors": [],
}

RUN_CREATE = {"dataset_id": _DATASET_ID, "target": "species"}
RUN = {
    "id": _RUN_ID,
    "status": "running",
    "stop_reason": None,
    "requested": None,
    "dataset_id": _DATASET_ID,
    "target": "species",
    "task": "multiclass",
    "spec": {
        "dataset_id": _DATASET_ID,
        "target": "species",
        "features": ["bill_length_mm"],
        "task": "multiclass",
        "classes": 3,
        "recipe": "custom",
        "reasons": [],
        "network": {"layers": [_LAYER], "output": _OUTPUT},
        "preprocessing": "standard",
        "training": {**_TRAINING, "checkpoint_every": None},
        "split": {
            "validation": 0.2,
            "test": 0.0,
            "method": "stratified",
            "column": None,
            "folds": None,
        },
        "seed": 0,
        "device": "cpu",
        "budget": {"seconds": None, "epochs": None},
        "model": "penguins",
        "parent": None,
        "labels": {},
    },
    "seed": 0,
    "device": "cpu",
    "priority": 0,
    "parent": None,
    "replay_of": None,
    "replay": None,
    "progress": {
        "epoch": 40,
        "epochs": 100,
        "step": 360,
        "folds": None,
        "folds_done": None,
        "fraction": 0.4,
        "eta_seconds": 0.6,
        "samples_per_second": 27_500.0,
    },
    "metrics": {"epoch": 40, "train_loss": 0.11, "val_loss": 0.13, "val_accuracy": 0.97},
    "best": {"epoch": 38, "checkpoint_id": None, "monitor": "val_loss", "value": 0.12},
    "model_id": None,
    "attempt": 1,
    "status_history": [{"status": "queued", "reason": None, "at": _AT}],
    "error": None,
    "reproducible": True,
    "weights_sha256": None,
    "created_at": _AT,
    "started_at": _AT,
    "finished_at": None,
}
METRICS = {
    "epochs": [1, 2],
    "series": {"train_loss": [0.9, 0.6], "val_loss": [0.8, 0.5]},
    "nonfinite": {},
}
CHECKPOINT = {
    "id": _CHECKPOINT_ID,
    "run_id": _RUN_ID,
    "epoch": 0,
    "step": 0,
    "kind": "initial",
    "bytes": 1024,
    "sha256": _SHA256,
    "created_at": _AT,
}
EVENT = {
    "id": "evt_01k9z8s1t2v3w4x5y6z7a8b9c0",
    "seq": 1,
    "type": "run.status_changed",
    "level": "info",
    "message": "The run is queued.",
    "data": {"from": None, "to": "queued", "reason": None},
    "created_at": _AT,
}
EVENT_STREAM = 'event: run.status_changed\ndata: {"seq": 1}\nid: 1\n\n'

MODEL = {
    "id": _MODEL_ID,
    "name": "penguins",
    "version": 1,
    "run_id": _RUN_ID,
    "dataset_id": _DATASET_ID,
    "target": "species",
    "task": "multiclass",
    "features": [{"name": "bill_length_mm", "type": "numeric"}],
    "classes": ["Adelie", "Chinstrap", "Gentoo"],
    "parameters": 195,
    "bytes": 4096,
    "sha256": _SHA256,
    "metrics": {"epoch": 38, "val_accuracy": 0.985},
    "created_at": _AT,
}
PREDICT = {"rows": [{"bill_length_mm": 39.1}]}
PREDICT_CSV = "bill_length_mm\n39.1\n"
PREDICTIONS = {
    "model_id": _MODEL_ID,
    "predictions": [
        {
            "label": "Adelie",
            "probability": 0.98,
            "probabilities": {"Adelie": 0.98, "Chinstrap": 0.01, "Gentoo": 0.01},
        }
    ],
    "warnings": [],
}
