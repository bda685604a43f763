"""`maskgen recipes`: what it prints is taken by the commands that take a recipe."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from maskgen.errors import EXIT_USAGE
from maskgen.loaders import RECIPES
from maskgen.loaders.recipes.text import read_recipe

Call = Callable[..., tuple[int, str, str]]


def test_all_are_listed(call: Call) -> None:
    status, out, _ = call("recipes", "list")
    assert status == 0
    assert [line.split()[0] for line in out.splitlines()] == list(RECIPES)


def test_a_recipe_is_shown_changed_and_shown_again(call: Call, tmp_path: Path) -> None:
    status, out, _ = call("recipes", "show", "mocov2-bg-rm", "--set", "views.1.background.p=0")
    assert status == 0
    (tmp_path / "mine.toml").write_text(out)
    assert [view.background.p for view in read_recipe(tmp_path / "mine.toml").views] == [0.2, 0]
    assert call("recipes", "show", str(tmp_path / "mine.toml"))[1] == out
    status, _, err = call("recipes", "show", "mocov3")
    assert status == EXIT_USAGE
    assert "did you mean 'mocov2'" in err
