"""The jitter of DALI's operators against torchvision's functions, given the same draws."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torchvision.transforms.v2 import functional as tv2

from maskgen.loaders.dali.color_jitter import Jitter, color_jitter
from maskgen.loaders.pixels import draw_table

STEPS = (tv2.adjust_brightness, tv2.adjust_contrast, tv2.adjust_saturation, tv2.adjust_hue)


def jittered(pictures: list[NDArray[np.uint8]], table: draw_table.DrawTable) -> list[NDArray[np.uint8]]:
    """Each picture by the row of its own, on the CPU."""
    from nvidia.dali import fn, pipeline_def

    @pipeline_def(batch_size=len(pictures), num_threads=1, device_id=None, enable_conditionals=True)
    def graph() -> Any:
        image = fn.external_source(lambda: pictures, layout="HWC", batch=True)
        row = fn.external_source(lambda: list(draw_table.as_floats(table)[:, 0]), batch=True)
        return color_jitter(image, Jitter(row, "", gpu=False))

    pipeline = graph()
    pipeline.build()
    made = pipeline.run()[0]
    return [np.array(made.at(number)) for number in range(len(pictures))]


@pytest.mark.slow
def test_all_orders_are_within_one_level_of_torchvision() -> None:
    rng, orders = np.random.default_rng(0), list(permutations(range(4)))
    pictures = [rng.integers(0, 256, (24, 40, 3), dtype=np.uint8) for _ in orders]
    pictures[0][:] = np.arange(40, dtype=np.uint8)[None, :, None] * 6  # gray: no hue to turn
    table = draw_table.blank(len(orders), 1)
    color = table["color"][:, 0]
    color[...] = rng.uniform((0.2, 0.2, 0.0, -180), (1.8, 1.8, 1.8, 180), (len(orders), 4))
    color[1] = (1, 1, 1, 0)
    color[2, 3] = 0
    table["order"][:, 0], table["grayscale"][::5] = orders, 1
    for row, (made, picture) in enumerate(zip(jittered(pictures, table), pictures, strict=True)):
        expected = torch.from_numpy(picture).permute(2, 0, 1)
        for step in orders[row]:
            factor = float(color[row, step]) / (360 if step == 3 else 1)
            expected = STEPS[step](expected, factor)
        if table["grayscale"][row, 0]:
            expected = tv2.rgb_to_grayscale(expected, 3)
        off = np.abs(made.astype(int) - expected.permute(1, 2, 0).numpy())
        assert off.max() <= 1, orders[row]
        assert (off > 0).mean() < 0.001
