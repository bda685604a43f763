"""The figures of a benchmark hang together; how fast they are is the machine's affair."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("nvidia.dali", reason="the loader that is measured is DALI's")
pytest.importorskip("torch", reason="views are torch tensors")

from maskgen.loaders import RECIPES, open_dataset
from maskgen.loaders.inspect.bench import loader_rates
from maskgen.loaders.inspect.workload import Workload


@pytest.mark.slow
def test_every_case_is_measured_against_decoding_alone(drawn: Any) -> None:
    workload = Workload(dataset=open_dataset(drawn.path), batch_size=4, threads=1)
    rates = loader_rates(workload, {"plain": RECIPES["plain"]}, 0.2, torch=True)
    assert [(rate.recipe, rate.loader) for rate in rates] == [
        ("decode", "dali"),
        ("plain", "dali"),
        ("plain", "torch"),
    ]
    decode = rates[0]
    assert decode.views_per_s == 0
    assert decode.of_decode == pytest.approx(1, abs=1e-9)
    for rate in rates[1:]:
        assert rate.views_per_s == rate.images_per_s
        assert rate.of_decode == pytest.approx(rate.images_per_s / decode.images_per_s)
        assert rate.cpu_ms > 0
