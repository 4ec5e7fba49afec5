"""Examples of a run done again, and of what its weights come from."""

from __future__ import annotations

from service.api import examples

_ORIGINAL_ID = examples.RUN["id"]
_SHA256 = examples.DATASET["sha256"]

WISH = {"from": "start"}
REPLAY = examples.RUN | {
    "id": "run_01k9z8v5w6x7y8z9a0b1c2d3e4",
    "status": "succeeded",
    "stop_reason": "budget",
    "replay_of": _ORIGINAL_ID,
    "replay": {
        "of": _ORIGINAL_ID,
        "checkpoint_id": None,
        "identical": False,
        "first_difference": {
            "epoch": 7,
            "step": 63,
            "last_equal_step": 54,
            "name": "val_loss",
            "recorded": 0.4211,
            "replayed": 0.4212,
        },
        "reason": "It was computed with other numerics, whose bits may differ.",
    },
}
PROVENANCE = {
    "run_id": _ORIGINAL_ID,
    "spec": examples.RUN["spec"],
    "spec_sha256": _SHA256,
    "dataset": {"id": examples.DATASET["id"], "sha256": _SHA256, "stored_sha256": _SHA256},
    "seed": 0,
    "weights_sha256": _SHA256,
    "engine_version": "2",
    "numerics": {"engine": "2", "kernels": "compiled", "dtype": "float32", "device": "cpu"},
    "reproducible": True,
    "attempts": [
        {
            "attempt": 1,
            "fence": 1,
            "worker": "worker-9f86d081884c",
            "service_version": "0.1.0",
            "started_at": examples.RUN["created_at"],
            "ended_at": examples.RUN["created_at"],
            "ended_by": "max_epochs",
        }
    ],
    "parents": [],
    "replay_of": None,
    "replays": [{"run_id": REPLAY["id"], "identical": False}],
}
