"""Preprocessings that models of earlier versions hold."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from workers.tabular.prediction_input import InputReader
from workers.tabular.preprocessing import Preprocessing

# What was fitted and written before there was a specification of the preprocessing.
OLD = json.loads(Path(__file__).with_name("old_preprocessing.json").read_text())


@pytest.mark.parametrize("method", ["standard", "none"])
def test_an_old_preprocessing_gives_its_own_bits_and_is_written_as_it_was(method: str) -> None:
    old = OLD[method]
    preprocessing = Preprocessing.from_plain(old["plain"])
    names = preprocessing.features
    rows = [{name: row[name] for name in names} for row in OLD["rows"]]
    features = InputReader(preprocessing.encoders).rows(rows)
    X = preprocessing.transform(features, np.dtype(np.float64))
    assert [[number.hex() for number in row] for row in X.tolist()] == old["inputs"]
    assert preprocessing.to_plain() == old["plain"]
