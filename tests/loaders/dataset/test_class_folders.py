from __future__ import annotations

import pytest

from maskgen.loaders.dataset.class_folders import class_folders


def test_folders_sort_as_the_labels_count() -> None:
    names = class_folders([2, 9, 10, 137], {2: "a", 9: "b/c", 10: "Zebra"})
    assert names == {2: "002_a", 9: "009_b_c", 10: "010_Zebra", 137: "137"}
    assert sorted(names.values()) == list(names.values())


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (("Zebra", "night heron"), ["Zebra", "night heron"]),
        (("heron", "Zebra"), ["00_heron", "01_Zebra"]),  # they sort the other way
        (("heron", "heron"), ["00_heron", "01_heron"]),
        ((".hidden", "heron"), ["00__hidden", "01_heron"]),
        (("a\nb", "heron"), ["00_a_b", "01_heron"]),  # would break the list of checksums
        (("a", ""), ["00_a", "01_image_e3b0c44298fc"]),
    ],
)
def test_names_stand_alone_where_they_sort_as_the_labels(names: tuple[str, str], found: list[str]) -> None:
    assert list(class_folders([0, 1], dict(enumerate(names))).values()) == found
