"""The example of a catalogue, as the document shows it."""

from __future__ import annotations

from typing import Any

_DELTA = {
    "name": "delta",
    "type": "number",
    "required": False,
    "nullable": False,
    "default": 1.0,
    "minimum": None,
    "exclusive_minimum": 0.0,
    "maximum": 1_000_000.0,
    "exclusive_maximum": None,
    "min_length": None,
    "max_length": None,
    "choices": None,
}
_HUBER: dict[str, Any] = {
    "name": "huber",
    "description": "Quadratic up to `delta`, linear beyond: outliers pull with a bounded force.",
    "formula": "L = mean (e^2 / 2 if |e| <= delta else delta (|e| - delta / 2)), e = y - t",
    "derivative": "dL/dy = clip(e, -delta, delta) / n",
    "source": "Huber 1964",
    "parameters": [_DELTA],
    "tasks": ["regression"],
    "places": None,
    "outputs": ["identity", "sigmoid", "tanh"],
    "losses": None,
    "default_of": None,
    "better": None,
}
LOSSES = {"data": [_HUBER], "next": None}
