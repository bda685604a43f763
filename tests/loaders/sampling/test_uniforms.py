"""Numbers that depend on the sample alone, against SplitMix64 in plain Python."""

from __future__ import annotations

import numpy as np
from scipy import stats

from maskgen.loaders.sampling.uniforms import uniforms


def test_uniforms_are_uniform_and_independent() -> None:
    u = uniforms(0, 0, np.arange(20_000), 6).astype(np.float64)
    assert u.min() >= 0
    assert u.max() < 1
    for column in range(6):
        assert stats.kstest(u[:, column], "uniform").pvalue > 1e-3
    correlation = np.corrcoef(np.concatenate([u.T, [np.roll(u[:, 0], 1), np.roll(u[:, 1], 1)]]))
    assert np.abs(correlation - np.eye(8)).max() < 0.035
    cells, *_ = np.histogram2d(u[:, 0], u[:, 1], bins=10, range=((0, 1), (0, 1)))
    assert stats.chisquare(cells.ravel()).pvalue > 1e-3
    assert (u * 2**24 % 1 == 0).all(), "24 bits, so that 1 is never reached by rounding"


def test_uniforms_of_other_seeds_epochs_and_streams_are_others() -> None:
    samples = np.arange(4000)
    base = uniforms(1, 1, samples, 1)[:, 0]
    for other in (
        uniforms(2, 1, samples, 1),
        uniforms(1, 2, samples, 1),
        uniforms(2, 0, samples, 1),
        uniforms(-1, 1, samples, 1),
        uniforms(1, 1, samples, 1, stream=1),
        uniforms(1, 1, samples + 1, 1),
    ):
        assert abs(np.corrcoef(base, other[:, 0])[0, 1]) < 0.06


def test_uniforms_belong_to_the_sample_and_grow_at_the_end() -> None:
    whole = uniforms(7, 2, np.arange(100), 9)
    some = np.array([40, 3, 99, 3])
    np.testing.assert_array_equal(uniforms(7, 2, some, 9), whole[some])
    np.testing.assert_array_equal(uniforms(7, 2, np.arange(100), 4), whole[:, :4])


def test_uniforms_are_split_mix_64() -> None:
    """The generator again in Python's integers; a change would change every run resumed with the same
    seed.
    """

    def mix(value: int) -> int:
        value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9 % 2**64
        value = (value ^ value >> 27) * 0x94D049BB133111EB % 2**64
        return value ^ value >> 31

    golden = 0x9E3779B97F4A7C15
    key = golden
    for number in (12345, 7, int.from_bytes(b"views"), 2):
        key = mix((key + number + golden) % 2**64)
    for sample in (0, 1, 10**12):
        start = mix((sample * golden + key) % 2**64)
        words = [mix((start + step * golden) % 2**64) for step in (1, 2)]
        expected = [half >> 8 for word in words for half in (word % 2**32, word >> 32)][:3]
        found = uniforms(12345, 7, np.array([sample]), 3, stream=2)[0] * 2**24
        assert found.tolist() == expected


def test_numbers_further_on_are_had_without_those_before() -> None:
    samples = np.arange(50) * 977
    whole = uniforms(3, 4, samples, 23, stream=1)
    for first in range(20):
        for count in range(1, 24 - first):
            part = uniforms(3, 4, samples, count, stream=1, first=first)
            np.testing.assert_array_equal(part, whole[:, first : first + count])
