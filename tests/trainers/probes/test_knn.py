"""kNN against its definition, one image at a time."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from maskgen.errors import UsageError
from maskgen.trainers.probes.knn import knn_accuracy


def slowly(
    bank: torch.Tensor,
    classes: list[int],
    queries: torch.Tensor,
    truth: list[int],
    k: int,
    t: float,
    own: bool,
) -> float:
    """The definition, one image and one neighbor at a time."""
    right = 0
    for i, query in enumerate(queries):
        cosines = [float(query @ row / query.norm() / row.norm()) for row in bank]
        order = sorted((j for j in range(len(bank)) if not (own and i == j)), key=lambda j: -cosines[j])[:k]
        votes: dict[int, float] = {}
        for j in order:
            votes[classes[j]] = votes.get(classes[j], 0) + np.exp(cosines[j] / t)
        right += max(sorted(votes), key=lambda c: votes[c]) == truth[i]
    return right / len(queries)


@pytest.mark.slow
@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("temperature", [0.07, 10.0])
def test_it_is_the_definition(own: bool, temperature: float) -> None:
    generator = torch.Generator().manual_seed(1)
    bank = torch.randn(60, 6, generator=generator)
    classes = torch.randint(0, 4, (60,), generator=generator)
    queries = bank if own else torch.randn(30, 6, generator=generator)
    truth = classes if own else torch.randint(0, 4, (30,), generator=generator)
    test = None if own else (queries, truth)
    found = knn_accuracy((bank, classes), test, ks=(1, 3, 17, 1000), temperature=temperature)
    for k, accuracy in found.items():
        wanted = slowly(bank, classes.tolist(), queries, truth.tolist(), k, temperature, own)
        assert accuracy == pytest.approx(wanted), k


@pytest.mark.slow
def test_more_images_than_one_chunk_leave_themselves_out() -> None:
    features = torch.eye(3).repeat(1000, 1) + 0.01 * torch.randn(
        3000, 3, generator=torch.Generator().manual_seed(0)
    )
    alone = torch.arange(3000)  # every image is the only one of its class: no neighbor can be right
    assert knn_accuracy((features, alone), None, ks=(5,)) == {5: 0.0}
    assert knn_accuracy((features, alone % 3), None, ks=(5,)) == {5: 1.0}


@pytest.mark.parametrize("bad", [{"ks": ()}, {"ks": (0,)}, {"temperature": 0.0}])
def test_options_out_of_range_are_refused(bad: dict[str, object]) -> None:
    bank = (torch.eye(3), torch.arange(3))
    with pytest.raises(UsageError, match="out of range"):
        knn_accuracy(bank, None, **bad)  # type: ignore[arg-type]
