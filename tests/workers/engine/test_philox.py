"""The counter-based words against the vectors of their authors, and the masks made of them."""

from __future__ import annotations

import numpy as np
import pytest

from workers.engine import philox
from workers.engine.tensors import Memory

ONES = 0xFFFFFFFF


def block(key: int, counter: tuple[int, int, int, int]) -> list[int]:
    """One block by the definition in plain integers (Salmon et al. 2011, 4)."""
    c, k = list(counter), [key & ONES, key >> 32]
    for _ in range(10):
        high0, low0 = divmod(0xD2511F53 * c[0], 2**32)
        high1, low1 = divmod(0xCD9E8D57 * c[2], 2**32)
        c = [high1 ^ c[1] ^ k[0], low1, high0 ^ c[3] ^ k[1], low0]
        k = [(k[0] + 0x9E3779B9) & ONES, (k[1] + 0xBB67AE85) & ONES]
    return c


@pytest.mark.parametrize(
    ("key", "counter", "words"),
    [
        (0, (0, 0, 0, 0), "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        (2**64 - 1, (ONES, ONES, ONES, ONES), "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        (
            0x299F31D0_A4093822,
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            "d16cfe09 94fdcceb 5001e420 24126ea1",
        ),
    ],
)
def test_the_definition_above_is_that_of_the_known_answers(
    key: int, counter: tuple[int, int, int, int], words: str
) -> None:
    """The known-answer vectors of Random123, philox4x32 with 10 rounds."""
    assert [f"{word:08x}" for word in block(key, counter)] == words.split()


@pytest.mark.parametrize("position", [0, 1, 7, 2**32 - 1, 2**32, 2**40 + 3])
def test_words_are_those_of_the_definition(position: int) -> None:
    keys = (0, 1, 2**32, 2**63 - 1, 0x299F31D0_A4093822)
    words = philox.Words(np, keys, blocks=6, stream=9)
    found = np.empty((len(keys), 6, 4), np.uint64)
    for _ in range(2):  # the second time from memory that is no longer fresh
        words.fill(found, position)
        for row, key in enumerate(keys):
            for number in range(6):
                counter = (number, position & ONES, position >> 32, 9)
                assert found[row, number].tolist() == block(key, counter)


def test_the_first_block_of_all_is_the_known_answer() -> None:
    found = np.empty((1, 1, 4), np.uint64)
    philox.Words(np, (0,), blocks=1, stream=0).fill(found, 0)
    assert found.ravel().tolist() == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(5, 3), (1, 1), (8, 4), (2, 7)])
@pytest.mark.parametrize("rate", [0.1, 0.5, 0.97])
def test_an_element_is_kept_by_its_own_word(
    shape: tuple[int, int], rate: float, dtype: type[np.floating]
) -> None:
    """Word e % 4 of the block (e // 4, step, 0, layer + 1) under the key seed; e along the rows."""
    seed, step, layer = 2**40 + 11, 6, 2
    mask = np.empty(shape, dtype)
    philox.Mask(Memory(np, np.dtype(dtype)), shape, (seed,), layer, rate)(step, mask)
    for e, found in enumerate(mask.ravel().tolist()):
        word = block(seed, (e // 4, step, 0, layer + 1))[e % 4]
        kept = word >= round(rate * 2**32)
        assert found == (dtype(1.0 / (1.0 - rate)) if kept else 0.0)


def test_masks_differ_between_seeds_steps_and_layers_and_are_repeatable() -> None:
    def draw(seed: int, step: int, layer: int) -> bytes:
        mask = np.empty((16, 8))
        philox.Mask(Memory(np, np.dtype(np.float64)), mask.shape, (seed,), layer, 0.5)(step, mask)
        return mask.tobytes()

    places = [(0, 1, 0), (1, 1, 0), (0, 2, 0), (0, 1, 1)]
    assert len({draw(*place) for place in places}) == len(places)
    assert draw(0, 1, 0) == draw(0, 1, 0)


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.25, 0.5, 0.9])
def test_the_mean_stays_and_the_rate_is_kept(rate: float) -> None:
    """Of 2,000,000 elements: both within 5 standard errors."""
    n, shape = 2_000_000, (2000, 1000)
    mask = np.empty(shape)
    philox.Mask(Memory(np, np.dtype(np.float64)), shape, (3,), 0, rate)(1, mask)
    error = np.sqrt(rate * (1.0 - rate) / n)
    assert abs((mask == 0.0).mean() - rate) <= 5.0 * error
    assert abs(mask.mean() - 1.0) <= 5.0 * error / (1.0 - rate)


def test_each_stacked_member_has_the_mask_of_its_own_seed() -> None:
    memory, seeds = Memory(np, np.dtype(np.float32)), (4, 2**33, 7)
    for shape in [(5, 3), (8, 4)]:
        together = np.empty((3, *shape), np.float32)
        philox.Mask(memory, together.shape, seeds, 1, 0.4)(12, together)
        for seed, found in zip(seeds, together, strict=True):
            alone = np.empty(shape, np.float32)
            philox.Mask(memory, shape, (seed,), 1, 0.4)(12, alone)
            assert found.tobytes() == alone.tobytes()
