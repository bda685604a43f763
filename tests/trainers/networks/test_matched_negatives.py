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


def several(p: str, count: int, *, coupled: bool = False) -> MatchedNegatives:
    changes = {
        "recipe": "mocov2-bg-swaps",
        "negative.p": p,
        "negative.count": str(count),
        "negative.coupled": str(coupled).lower(),
        "views.0.background.p": "1",
    }
    return MatchedNegatives(with_overrides(PRESETS["mocov2"]["smoke"], changes))


def test_there_is_room_for_several_negatives_of_each_query() -> None:
    one = several("0.2", 1).room(256)
    assert several("0.2", 5).room(256) == swaps("0.2").room(1280) < 5 * one
    assert several("0.2", 5, coupled=True).room(256) == 5 * one, "all five of a query, or none"
    assert several("1", 5).room(8) == 40


def test_of_several_negatives_those_that_are_matched_are_chosen() -> None:
    numbered = torch.arange(12.0).reshape(6, 2, 1, 1, 1).expand(-1, -1, 3, 4, 4)
    matched = torch.zeros(6, 2, dtype=torch.bool)
    matched[1, 1] = matched[4, 0] = True
    views = Views((numbered[:, 0],), negative=numbered, matched=matched)
    chosen = several("0.1", 2).choose(views)
    assert chosen is not None
    assert chosen[0][:2].tolist() == [3, 8]
    assert chosen[1][:, 0, 0, 0].tolist() == chosen[0].tolist()


def test_of_several_negatives_the_others_are_different_keys() -> None:
    keys, rows = torch.arange(6.0)[:, None], torch.tensor([4, 1])
    for step in range(20):
        made = spread_negatives(keys, rows, torch.tensor([[104.0], [101.0]]), step, count=3)[..., 0].tolist()
        assert (made[1][1], made[0][1]) == (104, 101)
        for row, taken in enumerate(made):
            others = [key for key in taken if key < 100]
            assert len({row, *others}) == 1 + len(others)


def test_whose_key_is_taken_follows_the_seed() -> None:
    keys, none = torch.arange(1000.0)[:, None], torch.zeros(0, 1)
    taken = [
        spread_negatives(keys, none[:, 0].long(), none, step=3, seed=seed)[0].item() for seed in (0, 0, 1)
    ]
    assert taken[0] == taken[1] != taken[2]
