"""A recipe from whatever names one: a published name, a view, several views, or a recipe."""

from __future__ import annotations

from collections.abc import Sequence

from maskgen.config.suggest import nearest
from maskgen.errors import UsageError

from .published import RECIPES
from .spec import Recipe, View
from .text import ENDING, read_recipe


def as_recipe(given: Recipe | View | Sequence[View] | str) -> Recipe:
    """The recipe that is meant.

    Args:
        given: a name in `RECIPES`, a TOML file (its name ends in ``.toml``, see `read_recipe`), a recipe, or
            the views of one.

    Raises:
        UsageError: no recipe has this name, the file holds none, or it is none of these.

    Example:
        >>> len(as_recipe("swav").views)
        8
        >>> as_recipe([View(size=96)]).views[0].size
        96
    """
    if isinstance(given, Recipe):
        return given
    if isinstance(given, str):
        if given.endswith(ENDING):
            return read_recipe(given)
        if given not in RECIPES:
            raise UsageError(
                f"no recipe {given!r} ({nearest(given, RECIPES)})", remedy="maskgen recipes list"
            )
        return RECIPES[given]
    views = (given,) if isinstance(given, View) else given
    if not isinstance(views, Sequence) or not all(isinstance(view, View) for view in views):
        raise UsageError(
            f"a recipe is a name, a Recipe or a sequence of Views, not {given!r:.100}",
            arguments=[("recipe", "mocov2")],
        )
    return Recipe(views=tuple(views))
