"""What several members of a network make of their scores (K B, O): losses, and common answers.

Gorishniy et al. 2024: the mean of the members' losses, the mean of their probabilities.
"""

from __future__ import annotations

from typing import Any

import torch

from tests.parity.theirs.functions import ACTIVATIONS, row_losses


def members_of(options: dict[str, Any]) -> int:
    """How many members the network of a case has."""
    return int(options["network"]["members"])


def mean_row_losses(options: dict[str, Any], scores: Any, y: Any) -> Any:
    """The loss (B,) of each row, its mean over the members."""
    members = members_of(options)
    every = torch.cat([y] * members)
    return row_losses(options, scores, every).reshape(members, -1).mean(dim=0)


def common(options: dict[str, Any], scores: Any) -> tuple[dict[str, Any], Any]:
    """Scores (B, O) with an output activation that makes the members' mean answer of them."""
    members, kind = members_of(options), options["activation"]
    if members == 1:
        return options, scores
    options = options | {"network": options["network"] | {"members": 1}}
    answers = ACTIVATIONS[kind](scores).reshape(members, -1, scores.shape[1]).mean(dim=0)
    match kind:
        case "softmax" | "exponential":
            return options, torch.log(answers)
        case "sigmoid":
            return options, torch.logit(answers)
        case _:
            return options | {"activation": "identity"}, answers
