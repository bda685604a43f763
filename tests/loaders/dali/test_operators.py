"""The graph of DALI's own operators against the oracle; `test_graph` has more of it, with the rendered
graph.
"""

from __future__ import annotations

from typing import Any

import pytest
from oracle.batches import expected_batches
from oracle.compare import small

from maskgen.loaders import DaliLoader, open_dataset
from maskgen.loaders.recipes.published import RECIPES


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mocov2-bg-swaps", "relicv2"])
def test_operators_give_the_oracles_pixels_inside_a_view(drawn: Any, name: str) -> None:
    """Blur and interpolation carry the pixels around a crop at most seven pixels into its view."""
    recipe, dataset = small(RECIPES[name]), open_dataset(drawn.path)
    dali = DaliLoader(dataset, 7, recipe=recipe, seed=8, operators=True)
    for ours, theirs in zip(dali, expected_batches(dataset, 7, recipe=recipe, seed=8), strict=True):
        pairs = [*zip(ours["views"], theirs["views"], strict=True)]
        if ours["negative"] is not None:
            pairs.append((ours["negative"], theirs["negative"]))
        for x, y in pairs:
            difference = (x.float() - y.float()).abs()[..., 8:-8, 8:-8]
            assert (difference > 1).float().mean() < 0.003
    dali.close()
