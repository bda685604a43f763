from __future__ import annotations

import numpy as np
from scipy.stats import norm

from maskgen.challenge.noise import SIGMA, add_noise, noisy_variants


def test_noise_is_where_it_is_wanted_and_as_strong_as_the_paper_says() -> None:
    where = np.zeros((200, 200), np.bool_)
    where[:, 80:] = True
    noisy = add_noise(np.full((200, 200, 3), 128, np.uint8), where, seed=1)
    assert (noisy[~where] == 128).all()
    inside = noisy[where].astype(float).ravel()
    # Two deviations and more are cut off at black and white: the law's own shares of these, to five sigma.
    for level, share in ((0, norm.cdf(-127.5 / (255 * SIGMA))), (255, norm.sf(126.5 / (255 * SIGMA)))):
        error = 5 * (share * (1 - share) / inside.size) ** 0.5
        assert abs(float((inside == level).mean()) - share) < error
    assert abs(float(np.median(inside)) - 128) <= 2
    assert abs(np.corrcoef(noisy[where][:, 0], noisy[where][:, 1])[0, 1]) < 0.03  # channels apart


def test_both_sides_of_a_trial_have_the_same_noise_and_seeds_have_others() -> None:
    image = np.full((9, 9, 3), 90, np.uint8)
    where = np.tri(9, dtype=np.bool_)
    whole = add_noise(image, np.ones((9, 9), np.bool_), seed=5)
    assert (add_noise(image, where, seed=5)[where] == whole[where]).all()
    assert (add_noise(image, ~where, seed=5)[~where] == whole[~where]).all()
    assert (add_noise(image, where, seed=6)[where] != whole[where]).any()


def test_there_are_none_without_trials() -> None:
    assert noisy_variants(0) == ()
    assert len(noisy_variants(3)) == 6
