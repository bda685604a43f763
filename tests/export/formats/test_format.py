from __future__ import annotations

from maskgen.export.formats.format import Format, format_class, has_backgrounds
from maskgen.export.output import FolderOutput
from maskgen.export.samples import Samples
from maskgen.export.settings import Settings
from maskgen.loaders import Dataset


def test_a_part_keeps_its_rows_where_a_format_does_not_say_otherwise(dataset: Dataset) -> None:
    with Samples(dataset) as samples:
        plain = Format(samples, FolderOutput(dataset.path), Settings(to="png", part_size=7))
        assert list(plain.write_part(0, iter([{"a": 1}]))) == [{"a": 1}]
        assert plain.part_samples == 7
        assert has_backgrounds(samples)


def test_what_a_format_needs() -> None:
    assert [format_class(name).members for name in ("png", "coco", "cutout")] == [(), (), ("jpg",)]
    assert not format_class("imagefolder").named_by_path
