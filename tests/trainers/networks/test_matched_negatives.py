"""BG_Swaps' extra negatives: which rows are encoded, and what the others take."""

from __future__ import annotations

from dataclasses import replace

import torch

from maskgen.trainers.data.batch import Views
from maskgen.trainers.networks.matched_negatives import MatchedNegatives, spread_negatives
from maskgen.trainers.presets import PRESETS, with_overrides


def swaps(p: str) -> MatchedNegatives:
    changes = {"recipe": "mocov2-bg-swaps", "negative_p": p}
    return MatchedNegatives(with_overrides(PRESETS["mocov2"]["smoke"], changes))


def batch(matched: list[bool]) -> Views:
    numbered = torch.arange(float(len(matched)))[:, None, None, None].expand(-1, 3, 4, 4)
    return Views((numbered, numbered), negative=100 + numbered, matched=torch.tensor(matched))


def test_there_is_room_for_all_but_freak_batches() -> None:
    """Binomial(256, 0.2) exceeds the room less than once in 10,000 batches."""
    room = swaps("0.2").room(256)
    draws = torch.distributions.Binomial(256, torch.tensor(0.2)).sample((200_000,))
    assert room < 256 / 2
    assert (draws > room).float().mean() < 1e-4
    assert swaps("0.2").room(1) == 1
    assert swaps("0").room(256) == 0


def test_matched_rows_are_chosen_first_with_their_own_pictures() -> None:
    matched = [index in (3, 17) for index in range(64)]
    chosen = swaps("0.02").choose(batch(matched))
    assert chosen is not None
    rows, pictures = chosen
    assert rows[:2].tolist() == [3, 17]
    assert pictures[:, 0, 0, 0].tolist() == [100.0 + row for row in rows.tolist()]
    assert 2 <= len(rows) < 16


def test_nothing_is_chosen_without_negatives() -> None:
    assert swaps("0.5").choose(replace(batch([True]), negative=None)) is None
    assert swaps("0.5").choose(replace(batch([True]), matched=None)) is None


def test_rows_without_a_negative_take_another_photos_key() -> None:
    keys, rows = torch.arange(6.0)[:, None], torch.tensor([4, 1])
    seen = set()
    for step in range(40):
        made = spread_negatives(keys, rows, torch.tensor([[104.0], [101.0]]), step).flatten().tolist()
        assert (made[4], made[1]) == (104, 101)
        assert all(made[row] in range(6) and made[row] != row for row in (0, 2, 3, 5))
        seen.add(made[0])
    assert seen == {1, 2, 3, 4, 5}


def test_whose_key_is_taken_follows_the_seed() -> None:
    keys, none = torch.arange(1000.0)[:, None], torch.zeros(0, 1)
    taken = [
        spread_negatives(keys, none[:, 0].long(), none, step=3, seed=seed)[0].item() for seed in (0, 0, 1)
    ]
    assert taken[0] == taken[1] != taken[2]
