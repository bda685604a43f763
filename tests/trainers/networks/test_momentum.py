"""Moving averages, their schedule, and queues."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from maskgen.trainers.networks.momentum import Queue, follow, frozen_copy, rising_momentum


def test_the_average_is_the_closed_form() -> None:
    online = nn.Linear(3, 2)
    start = online.weight.detach().clone()
    target = frozen_copy(online)
    with torch.no_grad():
        online.weight.copy_(torch.ones(2, 3))
    for _ in range(10):
        follow(target, (online,), 0.9)
    share = 0.9**10
    torch.testing.assert_close(target[0].weight, share * start + (1 - share) * torch.ones(2, 3))
    assert not any(p.requires_grad for p in target.parameters())


def test_buffers_do_not_follow() -> None:
    online = nn.BatchNorm1d(2)
    target = frozen_copy(online)
    online(torch.randn(64, 2) + 5)
    follow(target, (online,), 0.0)
    assert torch.equal(target[0].running_mean, torch.zeros(2))


def test_the_momentum_rises_by_half_a_cosine() -> None:
    assert rising_momentum(0.996, 1.0, 0, 100) == pytest.approx(0.996)
    assert rising_momentum(0.996, 1.0, 50, 100) == pytest.approx(0.998)
    assert rising_momentum(0.996, 1.0, 100, 100) == 1.0
    assert rising_momentum(0.99, 0.99, 37, 100) == 0.99


def test_a_queue_is_first_in_first_out_of_any_batch() -> None:
    queue, size, given = Queue(10, 2), 10, []
    for step, batch in enumerate(
        (4, 4, 4, 1, 7, 3, 13, 10)
    ):  # 10 is no multiple, and 13 is more than it holds
        rows = torch.full((batch, 2), float(step)) + torch.arange(batch)[:, None] / 100
        queue.remember(rows)
        before, soon = queue.rows.clone(), queue.upcoming()
        assert torch.equal(before, queue.rows)
        queue.flush()
        assert torch.equal(soon, queue.rows)
        assert torch.equal(queue.upcoming(), queue.rows)
        given += rows.tolist()
        expected = sorted(map(tuple, given[-size:]))
        if len(given) >= size:
            assert sorted(map(tuple, queue.rows.tolist())) == expected
        assert int(queue.filled) == min(len(given), size)


def test_a_new_queue_holds_unit_rows_and_nothing_is_private() -> None:
    queue = Queue(50, 8)
    torch.testing.assert_close(queue.rows.norm(dim=1), torch.ones(50))
    assert set(queue.state_dict()) == {"rows", "pointer", "filled"}
    assert not Queue(5, 8, random=False).rows.any()


def test_a_new_queue_follows_from_the_seed_and_moves_no_draw_behind_it() -> None:
    made = []
    for seed, size in ((0, 5), (0, 5), (1, 5), (0, 9)):
        torch.manual_seed(seed)
        made.append((Queue(size, 3).rows, torch.randn(2)))
    assert torch.equal(made[0][0], made[1][0])
    assert not torch.equal(made[0][0], made[2][0])
    assert torch.equal(made[0][1], made[3][1])


def test_forgotten_rows_do_not_come_in() -> None:
    queue = Queue(4, 2)
    before = queue.rows.clone()
    queue.remember(torch.ones(2, 2))
    queue.forget()
    queue.flush()
    assert torch.equal(queue.rows, before)
    assert int(queue.pointer) == 0
