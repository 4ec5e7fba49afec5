"""Words that stand for missing numbers: "k.A.", "unknown" or "-" here and there in a column.

To read such a column as text would lose its numbers to the model, and to a person who looks at the
file it is one of numbers all the same.
"""

from __future__ import annotations

import re

import numpy as np
import pyarrow.compute as pc

from workers.tabular.cells import Cells, are_numbers, classify

# A column of 0, 1 and "unknown" is one of three levels; of prices and "unknown", it is not.
_LEAST_NUMBERS = 10
_MOST_OTHERS = 0.2
_MOST_WORDS = 3
_LEAST_REPEATS = 2
_LONGEST_WORD = 20

# "<5" and "12 kg" say something of the number.
_DIGIT = re.compile("[0-9]")


def placeholders(cells: Cells, decimal: str) -> tuple[str, ...]:
    """The words in place of numbers, none where the column is not one of numbers but for them.

    They are at most three, without digits, each in two cells or more and together in a fifth at
    most, among at least ten different numbers.
    """
    # A missing cell is neither: where it is asked about, the answer is null.
    is_number = are_numbers(cells.distinct, decimal)
    numbers = cells.distinct.filter(is_number)
    n_words = len(cells.present) - len(numbers)
    if not 1 <= n_words <= _MOST_WORDS or len(numbers) < _LEAST_NUMBERS:
        return ()
    words = [str(word) for word in cells.distinct.filter(pc.invert(is_number)).to_pylist()]
    if any(len(word) > _LONGEST_WORD or _DIGIT.search(word) for word in words):
        return ()
    if classify(Cells(numbers, cells.indices), decimal) not in ("integer", "float"):
        return ()
    counts = np.bincount(cells.indices.drop_null().to_numpy(), minlength=len(cells.distinct))
    place_of = cells.distinct.to_pylist().index
    of_words = [int(counts[place_of(word)]) for word in words]
    n_cells = sum(of_words) + int(
        counts[is_number.fill_null(False).to_numpy(zero_copy_only=False)].sum()
    )
    if min(of_words) < _LEAST_REPEATS or sum(of_words) > _MOST_OTHERS * n_cells:
        return ()
    return tuple(sorted(words))
