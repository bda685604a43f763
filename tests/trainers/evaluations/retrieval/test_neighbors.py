"""The nearest neighbor by cosine, against loops."""

from __future__ import annotations

import pytest
import torch

from maskgen.trainers.evaluations.retrieval import neighbors
from maskgen.trainers.evaluations.retrieval.neighbors import nearest_labels


def test_it_is_what_loops_give(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbors, "_ROWS", 7)
    generator = torch.Generator().manual_seed(0)
    queries, bank = (torch.randn(n, 6, generator=generator) for n in (20, 30))
    labels = torch.arange(30) * 2
    expected = []
    for query in queries:
        cosines = [float(query @ row / query.norm() / row.norm()) for row in bank]
        expected.append(2 * max(range(30), key=cosines.__getitem__))
    assert nearest_labels(queries, bank, labels).tolist() == expected
    assert nearest_labels(queries * 100, bank, labels).tolist() == expected
    assert nearest_labels(queries[:0], bank, labels).shape == (0,)
