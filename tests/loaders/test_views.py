from __future__ import annotations

from typing import Any

import pytest

from maskgen.errors import UsageError
from maskgen.loaders import View


@pytest.mark.parametrize(
    "values",
    [
        {"size": 0}, {"scale": (0.0, 1.0)}, {"scale": (0.5, 0.2)}, {"scale": (0.2, 1.1)}, {"ratio": (0.0, 1.0)},
        {"ratio": (2.0, 1.0)}, {"fg_min": -0.1}, {"fg_min": 1.1}, {"bg_rm_p": 1.5}, {"bg_rm_p": float("nan")},
        {"grey": 2.0}, {"softness": -1.0},
    ],
)  # fmt: skip
def test_values_out_of_range_are_named(values: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=next(iter(values))):
        View(**values)


def test_the_ends_of_the_ranges_are_fine() -> None:
    View(size=1, scale=(1e-6, 1.0), ratio=(1.0, 1.0), fg_min=1.0, bg_rm_p=1.0, grey=0.0, softness=1.0)
