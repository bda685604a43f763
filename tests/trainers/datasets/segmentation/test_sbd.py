"""The Semantic Boundaries Dataset, against torchvision's reader."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat
from segmentation_kit import make_sbd
from torchvision.datasets import SBDataset

from maskgen.errors import SourceFault, UsageError
from maskgen.trainers.datasets.segmentation.sbd import find_sbd, read_boundaries, sbd_names


def test_lists_and_classes_are_torchvisions(tmp_path: Path) -> None:
    root = find_sbd(make_sbd(tmp_path))
    theirs = SBDataset(str(root), image_set="train", mode="segmentation")
    assert sbd_names(root) == ("2007_000033", "2008_000002", "2008_000003")
    for number, name in enumerate(sbd_names(root)[:2]):
        assert np.array_equal(read_boundaries(root / "cls" / f"{name}.mat"), np.asarray(theirs[number][1]))


def test_what_is_none_of_it_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no Semantic Boundaries Dataset"):
        find_sbd(tmp_path)
    path = tmp_path / "a.mat"
    for values in (
        {"GTinst": 1},
        {"GTcls": 1},
        {"GTcls": {"Boundaries": 1}},
        {"GTcls": {"Segmentation": 1.5}},
    ):
        savemat(path, values)
        with pytest.raises(SourceFault, match="no classes of pixels") as caught:
            read_boundaries(path)
        assert "benchmark_RELEASE/dataset" in str(caught.value)
    path.write_bytes(b"MATLAB 5.0 MAT-file")
    with pytest.raises(SourceFault, match="cannot read a MATLAB file"):
        read_boundaries(path)
