"""What is read as a mask, and what is refused because it could mean something else."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from mask_files import SIZE, grid, half, write
from numpy.typing import NDArray
from PIL import Image

from maskgen.errors import ShardFault, UsageError
from maskgen.evaluation.reading import Blob, read_map, read_truth


def pillow(levels: NDArray[np.uint8], kind: str) -> Image.Image:
    """The same mask as other programs write it."""
    gray = Image.fromarray(levels)
    opaque, hidden = Image.new("L", gray.size, 255), Image.new("L", gray.size, 0)
    match kind:
        case "opaque RGBA" | "hidden RGBA":
            return Image.merge("RGBA", (gray, gray, gray, opaque if kind.startswith("opaque") else hidden))
        case "opaque LA" | "hidden LA":
            return Image.merge("LA", (gray, opaque if kind.startswith("opaque") else hidden))
        case "mask in the alpha channel":
            return Image.merge("LA", (hidden, gray))
    palette = Image.fromarray((levels > 0).astype(np.uint8))
    palette.putpalette([0, 0, 0] + ([128, 0, 0] if kind == "red palette" else [255, 255, 255]))
    return palette


def test_truth_is_what_lies_above_128(tmp_path: Path) -> None:
    write(tmp_path, t=np.array([[0, 128, 129, 255]], np.uint8))
    truth, ignored = read_truth(Blob(str(tmp_path / "t.png")))
    assert truth.tolist() == [[False, False, True, True]]
    assert not ignored.any()


def test_the_map_takes_the_size_of_the_truth(tmp_path: Path) -> None:
    write(tmp_path, m=half((12, 16)))
    found = read_map(Blob(str(tmp_path / "m.png")), (24, 32), Blob("t.png"))
    assert found.shape == (24, 32)
    assert (found[:, [0, 14, 17, 31]] == [0, 0, 255, 255]).all()


@pytest.mark.parametrize("kind", ["opaque RGBA", "opaque LA", "gray palette"])
def test_a_mask_that_is_gray_and_opaque_is_read_however_it_is_stored(tmp_path: Path, kind: str) -> None:
    pillow(half(), kind).save(tmp_path / "m.png")
    assert (read_map(Blob(str(tmp_path / "m.png")), SIZE, Blob("t")) == half()).all()
    truth, _ = read_truth(Blob(str(tmp_path / "m.png")))
    assert (truth == (half() > 0)).all()


@pytest.mark.parametrize("kind", ["hidden RGBA", "hidden LA", "mask in the alpha channel"])
def test_transparency_is_refused_because_it_could_mean_either(tmp_path: Path, kind: str) -> None:
    pillow(half(), kind).save(tmp_path / "m.png")
    with pytest.raises(UsageError, match=r"m\.png.*\n.*transparency"):
        read_map(Blob(str(tmp_path / "m.png")), SIZE, Blob("t"))


def test_a_transparent_background_color_is_refused(tmp_path: Path) -> None:
    # Painted white, as a photo's is, the background would become the foreground.
    Image.fromarray(half()).save(tmp_path / "gray.png", transparency=0)
    pillow(half(), "gray palette").save(tmp_path / "palette.png", transparency=0)
    for name in ("gray", "palette"):
        with pytest.raises(UsageError, match="transparency"):
            read_truth(Blob(str(tmp_path / f"{name}.png")))


def test_photos_and_colored_label_maps_are_refused(tmp_path: Path) -> None:
    pillow(half(), "red palette").save(tmp_path / "labels.png")
    colors = np.random.default_rng(0).integers(0, 256, (24, 32, 3)).astype(np.uint8)
    Image.fromarray(colors).save(tmp_path / "photo.jpg")
    for name in ("labels.png", "photo.jpg"):
        with pytest.raises(UsageError, match="color: two channels are"):
            read_truth(Blob(str(tmp_path / name)))


def test_a_gray_mask_in_a_color_jpeg_is_no_photo(tmp_path: Path) -> None:
    levels = np.asarray(Image.fromarray(grid(3)).resize((320, 240)))
    Image.fromarray(np.repeat(levels[..., None], 3, axis=2)).save(tmp_path / "m.jpg", quality=60)
    found = read_map(Blob(str(tmp_path / "m.jpg")), (240, 320), Blob("t"))
    assert np.abs(found.astype(int) - levels).mean() < 10


def test_a_color_file_is_read_by_its_luma(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "m.png"), np.repeat(grid(5)[..., None], 3, axis=2))
    assert (read_map(Blob(str(tmp_path / "m.png")), SIZE, Blob("t")) == grid(5)).all()


@pytest.mark.parametrize(
    ("mask", "truth", "fits"),
    [
        ((300, 400), (300, 400), True),
        ((300, 400), (400, 300), False),
        ((300, 400), (300, 409), False),
        ((300, 400), (300, 403), True),
        ((21, 32), (333, 500), True),  # 21.3 rounded: 1.5 % off, yet the same photo
        ((20, 32), (333, 500), False),
    ],
)
def test_aspect_ratios(tmp_path: Path, mask: tuple[int, int], truth: tuple[int, int], fits: bool) -> None:
    write(tmp_path, mask=grid(0, mask))
    blob = Blob(str(tmp_path / "mask.png"))
    if fits:
        assert read_map(blob, truth, Blob("t.png")).shape == truth
        return
    with pytest.raises(UsageError, match=r"a mask of .* px for a truth of .*mask\.png and t\.png"):
        read_map(blob, truth, Blob("t.png"))


def test_unreadable_files_are_named(tmp_path: Path) -> None:
    whole = cv2.imencode(".png", grid(0))[1].tobytes()
    for name, data in {"cut": whole[:200], "text": b"hello", "none": b""}.items():
        (tmp_path / f"{name}.png").write_bytes(data)
        with pytest.raises(UsageError, match=rf"cannot read a mask: .*{name}\.png"):
            read_truth(Blob(str(tmp_path / f"{name}.png")))
    with pytest.raises(UsageError, match="cannot read a file"):
        read_truth(Blob(str(tmp_path / "absent.png")))


def test_transparency_is_refused(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "m.png"), np.full((4, 4, 4), 200, np.uint8))
    with pytest.raises(UsageError, match="transparency"):
        read_truth(Blob(str(tmp_path / "m.png")))


def test_a_member_behind_the_end_of_its_tar_is_a_fault_of_the_shard(tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_bytes(b"12345")
    with pytest.raises(ShardFault, match=r"cut short: x\.tar key\.mask\.png"):
        Blob(str(tmp_path / "x.tar"), 2, 9, "x.tar key.mask.png").read()
