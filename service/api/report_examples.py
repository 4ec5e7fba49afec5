"""An example of a report, of a classification with two classes."""

from __future__ import annotations

from typing import Any

_MATRIX = {"labels": ["no", "yes"], "matrix": [[30, 2], [3, 15]]}
_AT_HALF = {
    "threshold": 0.5,
    "predicted": 17,
    "accuracy": 0.9,
    "balanced_accuracy": 0.885,
    "precision": 0.882,
    "recall": 0.833,
    "f1": 0.857,
}

REPORT: dict[str, Any] = {
    "task": "binary",
    "rows": {"train": 200, "validation": 50, "test": 0},
    "validation": {
        "n": 50,
        "accuracy": 0.9,
        "balanced_accuracy": 0.885,
        "log_loss": 0.27,
        "auc": 0.951,
        "brier": 0.081,
        "average_precision": 0.93,
        "confusion_matrix": _MATRIX,
        "classes": [
            {"label": "no", "precision": 0.909, "recall": 0.938, "f1": 0.923, "support": 32},
            {"label": "yes", "precision": 0.882, "recall": 0.833, "f1": 0.857, "support": 18},
        ],
        "curves": [
            {
                "label": "yes",
                "roc": {
                    "false_positive_rate": [0.0, 0.0625, 1.0],
                    "true_positive_rate": [0.0, 0.833, 1.0],
                    "thresholds": [None, 0.5, 0.01],
                },
                "precision_recall": {
                    "precision": [1.0, 0.882, 0.36],
                    "recall": [0.0, 0.833, 1.0],
                    "thresholds": [None, 0.5, 0.01],
                },
            }
        ],
        "calibration": {
            "of": "yes",
            "bins": [{"probability": 0.12, "frequency": 0.1, "count": 10}],
            "expected_calibration_error": 0.04,
        },
    },
    "test": None,
    "baselines": {
        "constant": {
            "validation": {
                "n": 50,
                "accuracy": 0.64,
                "balanced_accuracy": 0.5,
                "log_loss": 0.655,
                "confusion_matrix": {"labels": ["no", "yes"], "matrix": [[32, 0], [18, 0]]},
            },
            "test": None,
        },
        "linear": {
            "rows": 200,
            "validation": {
                "n": 50,
                "accuracy": 0.86,
                "balanced_accuracy": 0.84,
                "log_loss": 0.34,
                "confusion_matrix": {"labels": ["no", "yes"], "matrix": [[29, 3], [4, 14]]},
            },
            "test": None,
        },
    },
    "learning": {
        "verdict": "good",
        "advice": "It does on other rows about what it does on its own: nothing needs to change.",
        "measure": "log-loss",
        "losses": {"training": 0.25, "validation": 0.27, "constant": 0.655, "linear": 0.34},
        "validation_standard_error": 0.05,
        "epochs": 60,
        "best_epoch": 38,
    },
    "importance": {
        "part": "validation",
        "measure": "log-loss",
        "loss": 0.27,
        "rows": 50,
        "repeats": 5,
        "columns": [{"column": "age", "increase": 0.31, "spread": 0.04}],
    },
    "conformal": {
        "rows": 50,
        "note": "Calibrated on the validation rows, which decided nothing else.",
        "sets": [
            {
                "level": 0.9,
                "threshold": 0.44,
                "test_coverage": None,
                "mean_size": None,
                "empty": None,
            }
        ],
    },
    "thresholds": {
        "label": "yes",
        "table": [_AT_HALF],
        "operating_points": {
            "max_f1": {"threshold": 0.5, "validation": _AT_HALF, "test": None},
            "max_balanced_accuracy": {"threshold": 0.5, "validation": _AT_HALF, "test": None},
        },
    },
}
