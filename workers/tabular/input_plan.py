"""Where the encoders' inputs stand, so that rows cost a few array operations for all columns."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from workers.tabular.encoders import CategoricalEncoder, CodedEncoder, LevelEncoder, NumericEncoder

if TYPE_CHECKING:
    from workers.tabular.encoders import Encoder


class InputPlan:
    """Where everything goes, so that a row costs a few array operations and not some per column."""

    def __init__(self, encoders: tuple[Encoder, ...], n_differences: int) -> None:
        starts = np.cumsum([0, *(len(encoder.outputs) for encoder in encoders)])
        self.n_outputs = int(starts[-1]) + n_differences
        placed = list(zip(encoders, starts.tolist(), strict=False))
        numeric = [(e, at) for e, at in placed if isinstance(e, NumericEncoder)]
        self.numbers = np.array([at for _, at in numeric], np.intp)
        self.fill = np.array([e.fill for e, _ in numeric])
        self.center = np.array([e.center for e, _ in numeric])
        self.scale = np.array([e.scale or math.inf for e, _ in numeric])
        self.indicated = np.flatnonzero([e.indicator for e, _ in numeric])
        self.indicators = self.numbers[self.indicated] + 1
        self.curved = [(e, i, at) for i, (e, at) in enumerate(numeric) if not e.curve.is_linear]
        self.moments = [(i, e) for i, (e, _) in enumerate(numeric) if e.type == "datetime"]

        coded = [(e, at) for e, at in placed if isinstance(e, CodedEncoder)]
        columns: list[int] = []
        first_code = []
        for e, at in coded:
            if isinstance(e, CategoricalEncoder):
                first_code.append(len(columns))
                columns.extend(at + place if place >= 0 else place for place in e.places)
        self.first_code = np.array(first_code, np.intp)
        self.columns = np.array(columns, np.intp)
        is_embedded = [isinstance(e, LevelEncoder) for e, _ in coded]
        self.one_hot = np.flatnonzero(np.logical_not(is_embedded))
        self.embedded = np.flatnonzero(is_embedded)
        self.levels = np.array([coded[place][1] for place in self.embedded], np.intp)
        self.unseen = np.array([e.unseen for e, _ in coded if isinstance(e, LevelEncoder)], np.intp)
