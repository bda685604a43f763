"""Permutations that are computed where they are asked for: bijective, and random enough."""

from __future__ import annotations

import numpy as np
import pytest

from maskgen.loaders.order.permutation import mix64, permute, stream_key


def test_splitmix64_against_its_published_sequence() -> None:
    """The first outputs for seed 1234567, as in the reference C code's test vectors."""
    states = (np.arange(1, 6, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)) + np.uint64(1234567)
    expected = [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]
    assert mix64(states).tolist() == expected


def test_permute_is_a_bijection_for_every_key_of_a_small_feistel() -> None:
    key = stream_key(1, 2, 3)
    for samples in (65_537, 98_304, 131_072):
        numbers = permute(np.arange(samples), samples, key)
        assert np.bincount(numbers, minlength=samples).tolist() == [1] * samples


@pytest.mark.parametrize("one", [(0, 0), (0, 1), (1, 0), (0,), (1,), (0, 0, 0), (2**64 - 1,)])
def test_stream_keys_differ(one: tuple[int, ...]) -> None:
    others = [(0, 0), (0, 1), (1, 0), (0,), (1,), (0, 0, 0), (2**64 - 1,), (2, 2)]
    assert [stream_key(*other) == stream_key(*one) for other in others].count(True) == 1
