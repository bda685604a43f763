"""Originals of a few samples as pictures: of files and tars, PNGs and turned photos among them."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from faulty_store import FaultyStore
from photo_folders import Original, originals, photo, write_originals, write_sidecar
from PIL import Image

from maskgen.drawing.contact_sheet import spread
from maskgen.errors import ShardFault
from maskgen.io.storage.location import ObjectLocation
from maskgen.loaders.inspect.originals import read_originals
from maskgen.shards import manifest


def mixed() -> list[Original]:
    """Twelve photos in folders; one a PNG, one turned by EXIF, as only stage one's decoder reads them all."""
    files = originals(12, lambda n: (f"p{n:02d}", f"{'ab'[n % 2]}/p{n:02d}.jpg"))
    pixels = np.random.default_rng(0).integers(0, 256, (50, 70, 3), np.uint8)
    png = io.BytesIO()
    Image.fromarray(pixels).save(png, "PNG")
    files[0] = Original("p00", "a/p00.png", png.getvalue(), (50, 70), verbatim=False)
    data, (height, width) = photo(3, exif=6)
    files[11] = Original("p11", "b/p11.jpg", data, (width, height), verbatim=False)
    return files


def test_pictures_are_the_originals_upright(tmp_path: Path) -> None:
    files = mixed()
    write_originals(tmp_path / "photos", files)
    shards = write_sidecar(tmp_path / "shards", files)
    found = read_originals(shards, tmp_path / "photos", spread(manifest.read(shards), 5))
    assert list(found) == ["p00", "p03", "p06", "p08", "p11"]
    by_key = {one.key: one for one in files}
    for key, picture in found.items():
        image = Image.open(io.BytesIO(by_key[key].data)).convert("RGB")
        wanted = np.asarray(image.transpose(Image.Transpose.ROTATE_270) if key == "p11" else image)
        assert np.abs(picture.astype(int) - wanted).mean() < 1


def test_photos_in_tars(tmp_path: Path) -> None:
    files = originals(6, lambda n: (f"p{n}", f"part-{n // 4}.tar/p{n}.jpg"))
    write_originals(tmp_path / "photos", files)
    shards = write_sidecar(tmp_path / "shards", files)
    found = read_originals(shards, tmp_path / "photos", spread(manifest.read(shards), 6))
    assert {key: picture.shape[:2] for key, picture in found.items()} == {one.key: one.size for one in files}


def test_photos_at_an_address(faulty_store: FaultyStore, tmp_path: Path) -> None:
    files = originals(6, lambda n: (f"p{n}", f"part-{n // 4}.tar/p{n}.jpg"))
    write_originals(tmp_path / "photos", files)
    shards = write_sidecar(tmp_path / "shards", files)
    faulty_store.upload(tmp_path / "photos", "photos")
    wanted = spread(manifest.read(shards), 6)
    far = read_originals(shards, ObjectLocation("s3://bucket", "photos"), wanted)
    for (key, picture), (other, same) in zip(
        far.items(), read_originals(shards, tmp_path / "photos", wanted).items(), strict=True
    ):
        assert key == other
        assert (picture == same).all()


def test_another_photo_is_refused(tmp_path: Path) -> None:
    files = mixed()
    write_originals(tmp_path / "photos", files)
    shards = write_sidecar(tmp_path / "shards", files)
    (tmp_path / "photos" / "b" / "p03.jpg").write_bytes(files[5].data)
    with pytest.raises(ShardFault, match=r"not the one that the mask was made from: p03 in .*p03\.jpg"):
        read_originals(shards, tmp_path / "photos", spread(manifest.read(shards), 5))
