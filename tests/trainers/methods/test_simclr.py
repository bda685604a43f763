"""SimCLR: the loss of one batch of both views."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from maskgen.trainers.data.batch import Views
from maskgen.trainers.methods import Progress

MakeViews = Callable[..., Views]
START = Progress(0, 10, 2.0)


def test_simclrs_embeddings_of_both_views_share_statistics(
    make_views: MakeViews, still: Callable[..., Any]
) -> None:
    method = still("simclr", apart=True).train()
    sizes: list[int] = []
    method.backbone.register_forward_hook(lambda _net, given, _out: sizes.append(len(given[0])))
    method(make_views(method.preset), START)
    assert sizes == [16]
