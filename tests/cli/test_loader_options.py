"""Recipes and data sets as the commands about the loader take them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from maskgen.cli.loader_options import find_recipe, open_with_photos
from maskgen.errors import ShardFault, UsageError
from maskgen.loaders.recipes.published import RECIPES

Call = Callable[..., tuple[int, str, str]]


def test_a_recipe_is_found_by_its_name_and_a_mistake_answered() -> None:
    assert all(find_recipe(name) is recipe for name, recipe in RECIPES.items())
    with pytest.raises(UsageError, match=r"did you mean 'mocov2'(.|\n)*recipes list"):
        find_recipe("mocov")


@pytest.mark.slow
def test_a_data_set_with_photos_is_opened(data: Path) -> None:
    assert open_with_photos(data, None).samples == 4


@pytest.mark.slow
def test_shards_without_photos_need_the_originals(data: Path, call: Call, tmp_path: Path) -> None:
    photos = data.parent / "photos"
    words = ["--dataset", "folder", "--input", photos, "--method", "box", "--workers", "1", "--limit", "2"]
    assert call("run", *words, "--output", tmp_path / "s", "--layout", "sidecar")[0] == 0
    with pytest.raises(UsageError, match=r"hold no photos(.|\n)*--photos"):
        open_with_photos(tmp_path / "s", None)
    assert open_with_photos(tmp_path / "s", photos).samples == 2


def test_a_folder_without_shards_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ShardFault):
        open_with_photos(tmp_path, None)
