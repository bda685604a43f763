"""The ViT against timm's with the same random weights, and its positions against bicubic written out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from vit_states import PATCH, official_state, random_vit, timm_keys

from maskgen.methods.networks.vit.layers import ViT, ViTShape, grid_side
from maskgen.methods.networks.vit.weights import read_shape


def ours(network: object) -> ViT:
    state = official_state(network)
    vit = ViT(read_shape(state, Path("x")))
    vit.load_state_dict(state)
    return vit.eval()


@pytest.mark.parametrize(("v2", "registers"), [(False, 0), (True, 0), (True, 4)])
@torch.inference_mode()
def test_the_keys_are_timms(v2: bool, registers: int) -> None:
    network = random_vit(v2=v2, registers=registers)
    photos = torch.randn(2, 3, 4 * PATCH, 4 * PATCH, generator=torch.Generator().manual_seed(1))
    wanted = timm_keys(network, photos)
    found = ours(network).keys(photos)
    assert found.shape == wanted.shape == (2, 16, 128)
    assert torch.allclose(found, wanted, atol=2e-5 * float(wanted.abs().max()))


def cubic(distance: float, a: float) -> float:
    """Keys' kernel."""
    x = abs(distance)
    if x <= 1:
        return (a + 2) * x**3 - (a + 3) * x**2 + 1
    return a * (x**3 - 5 * x**2 + 8 * x - 4) if x < 2 else 0.0


def enlarged(line: np.ndarray, new: int, scale: float, *, smooth: bool) -> np.ndarray:
    """One axis of the grid. Taps beyond the edge are the edge's; `smooth`: they are left out."""
    rows, last = [], len(line) - 1
    for target in range(new):
        center = (target + 0.5) / scale - 0.5
        first = int(np.floor(center))
        taps = [tap for tap in range(first - 1, first + 3) if 0 <= tap <= last or not smooth]
        weights = np.array([cubic(center - tap, -0.5 if smooth else -0.75) for tap in taps])
        rows.append(np.tensordot(weights / weights.sum(), line[np.clip(taps, 0, last)], 1))
    return np.stack(rows)


@pytest.mark.parametrize(("registers", "offset"), [(0, 0.1), (4, 0.0)])
def test_positions_are_enlarged_as_in_the_released_code(registers: int, offset: float) -> None:
    vit = ours(random_vit(v2=True, registers=registers))
    grid = vit.pos_embed[0, 1:].detach().numpy().reshape(4, 4, -1)
    assert torch.equal(vit.positions(4, 4)[0], vit.pos_embed[0, 1:])
    smooth = bool(registers)
    wanted = enlarged(grid, 7, (7 + offset) / 4, smooth=smooth).swapaxes(0, 1)
    wanted = enlarged(wanted, 9, (9 + offset) / 4, smooth=smooth).swapaxes(0, 1)
    found = vit.positions(7, 9).detach().numpy().reshape(7, 9, -1)
    assert np.allclose(found, wanted, atol=1e-4)
    assert abs(wanted).max() > 1


def test_a_photo_that_is_no_square_keeps_its_rows() -> None:
    vit = ViT(ViTShape(width=64, depth=1, patch=8, grid=2, hidden=64))
    with torch.no_grad():
        for value in vit.parameters():
            value.normal_(generator=torch.Generator().manual_seed(0))
        photo = torch.zeros(1, 3, 16, 40)
        photo[:, :, 8:, 16:24] = 1  # one patch: row 1, column 2 of 2 x 5
        changed = (vit.keys(photo) - vit.keys(torch.zeros_like(photo))).abs().sum(2)[0]
    assert changed.nonzero().tolist() == [[7]]  # of a single block only the patch's own key depends on it


def test_the_side_of_a_square_grid() -> None:
    assert [grid_side(count) for count in (196, 1369, 1, 0, 200)] == [14, 37, 1, 0, 0]
