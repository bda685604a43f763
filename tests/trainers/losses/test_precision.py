"""Losses stay in float32 under autocast."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from maskgen.trainers import losses


def test_losses_are_float32_under_autocast(unit_rows: Callable[..., Tensor]) -> None:
    q, k, queue = (unit_rows(n, 64, seed=n).float() for n in (8, 9, 500))
    k = k[:8]
    wanted = losses.info_nce(q, k, queue, 0.07)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert (q @ queue.T).dtype == torch.bfloat16
        found = losses.info_nce(q, k, queue, 0.07)
        scores = losses.swav_loss([q.bfloat16(), k.bfloat16()], [q.abs()], 0.1)
    assert torch.equal(found, wanted)
    assert scores.dtype == torch.float32
