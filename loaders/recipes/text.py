"""Recipes as text: TOML files of the fields of `Recipe` and its parts, and changes of single fields."""

from __future__ import annotations

import dataclasses
import tomllib
import types
import typing
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from maskgen.config.suggest import nearest
from maskgen.errors import UsageError

from .parts import Corruption
from .spec import Recipe

ENDING = ".toml"
_MAX_BYTES = 1 << 20
_MADE = ("plain", "fg_min", "overlap")
"""Rules of a crop that follow from its other fields."""
_RULED_BY = ("fg_min", "overlap_of")


def read_recipe(path: str | Path) -> Recipe:
    """The recipe of a TOML file, as `render_recipe` writes it; fields that it leaves out have their defaults.

    Raises:
        UsageError: the file cannot be read, is no TOML, or has a field that there is not, of another type, or
            out of its range.

    Example:
        ```python
        from maskgen.loaders import TorchLoader

        loader = TorchLoader("shards/", 64, recipe="my-recipe.toml")
        ```
    """
    try:
        with Path(path).open("rb") as file:
            values = tomllib.loads(file.read(_MAX_BYTES).decode())
    except (OSError, ValueError) as error:
        raise UsageError(
            "cannot read a recipe",
            where=str(path),
            cause=str(error),
            remedy="begin with what `maskgen recipes show NAME` prints",
        ) from error
    try:
        made: Recipe = _value(Recipe, values, "")
    except UsageError as error:
        where = f"{path}: {error.where}" if error.where else str(path)
        raise UsageError(error.what, where=where, cause=error.cause, remedy=error.remedy) from error
    return made


def render_recipe(recipe: Recipe) -> str:
    """A recipe as TOML, with every field that has a value.

    Example:
        >>> from maskgen.loaders.recipes.published import RECIPES
        >>> from maskgen.loaders.recipes.text import render_recipe
        >>> print(render_recipe(RECIPES["mocov2-bg-rm"])[:50])
        [[views]]
        size = 224
        flip_p = 0.5
        masks = fal
    """
    lines: list[str] = []
    for view in recipe.views:
        lines += ["[[views]]", *_lines(view, "views."), ""]
    for name in ("negative", "corruption"):
        part = getattr(recipe, name)
        if part is not None:
            lines += [f"[{name}]", *_lines(part, f"{name}."), ""]
    return "\n".join(lines)


def with_changes(recipe: Recipe, changes: Mapping[str, str]) -> Recipe:
    """A recipe with single fields set from text.

    A crop's rule that follows from its other fields follows them again when they are changed.

    Args:
        recipe: to begin with.
        changes: texts by path: ``{"views.0.background.p": "0", "views.1.crop.scale": "0.08,1"}``; ``views.*``
            is every view, ``negative.view`` the negative's. ``none`` stands for no value.

    Raises:
        UsageError: no such field, a text of the wrong type, or a value out of its range.

    Example:
        >>> from maskgen.loaders.recipes.published import RECIPES
        >>> from maskgen.loaders.recipes.text import with_changes
        >>> query_only = with_changes(RECIPES["mocov2-bg-rm"], {"views.1.background.p": "0"})
        >>> [view.background.p for view in query_only.views]
        [0.2, 0.0]
    """
    tree = _tree(recipe)
    for path, text in changes.items():
        for concrete in _spread(path, len(recipe.views)):
            _change(tree, concrete.split("."), text, path)
    made: Recipe = _value(Recipe, tree, "")
    return made


def _spread(path: str, views: int) -> list[str]:
    head, star, tail = path.partition("views.*.")
    if head or not star:
        return [path]
    return [f"views.{number}.{tail}" for number in range(views)]


def _change(tree: dict[str, Any], parts: list[str], text: str, path: str) -> None:
    """Set one field of a recipe as nested mappings; the value is checked when the recipe is made."""
    place: Any = tree
    kind: Any = Recipe
    for depth, part in enumerate(parts):
        name, kind = _step(place, kind, part, path)
        within = dataclasses.is_dataclass(kind) or name == "views"
        if depth < len(parts) - 1:
            if not within:
                raise UsageError(f"{path} goes too deep", remedy=".".join(parts[: depth + 1]))
            place = _inside(place, name, kind, path)
        elif within:
            names = list(_fields(kind)) if name != "views" else ["views.0.size", "..."]
            raise UsageError(f"{path} is a part, not a field", remedy=f"one of {', '.join(names)}")
        else:
            if part in _RULED_BY and place.get("rule") in _MADE:
                place["rule"] = None
            place[part] = _from_text(text)


def _step(place: Any, kind: Any, part: str, path: str) -> tuple[int | str, Any]:
    """What one part of a path names, and its type."""
    if isinstance(place, list):
        if not part.isdecimal() or int(part) >= len(place):
            raise UsageError(f"no view {part!r} in {path}", remedy=f"views.0 to views.{len(place) - 1}")
        return int(part), get_args(kind)[0]
    kinds = _fields(kind)
    if part not in kinds:
        raise UsageError(f"no field {part!r} in {path}", remedy=nearest(part, list(kinds)))
    return part, _without_none(kinds[part])


def _inside(place: Any, name: int | str, kind: Any, path: str) -> Any:
    """The part of a recipe that a path goes through."""
    if place[name] is None and kind is Corruption:
        place[name] = {}
    if place[name] is None:
        raise UsageError(
            f"the recipe has no {name}, which {path} would change",
            remedy="take a recipe that has one, or write it into a file: maskgen recipes show NAME",
        )
    return place[name]


def _from_text(text: str) -> Any:
    """What TOML would read: a number, a truth value, a list with commas; else the text itself."""
    plain = text.strip()
    if plain.lower() == "none":
        return None
    for form in (plain, f"[{plain}]" if "," in plain else plain):
        try:
            return tomllib.loads(f"value = {form}")["value"]
        except tomllib.TOMLDecodeError:
            continue
    return plain


def _tree(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {one.name: _tree(getattr(value, one.name)) for one in dataclasses.fields(value)}
    if isinstance(value, tuple):
        return [_tree(part) for part in value]
    return value


@cache
def _fields(owner: Any) -> dict[str, Any]:
    """The types of a dataclass's fields."""
    hints = typing.get_type_hints(owner)
    return {one.name: hints[one.name] for one in dataclasses.fields(owner)}


def _without_none(kind: Any) -> Any:
    if get_origin(kind) in (typing.Union, types.UnionType):
        (kind,) = (one for one in get_args(kind) if one is not types.NoneType)
    return kind


def _value(kind: Any, value: Any, where: str) -> Any:
    """A value of a field's type from what TOML holds.

    Raises:
        UsageError: it is of another type, or out of its range.
    """
    if value is None and types.NoneType in get_args(kind):
        return None
    kind = _without_none(kind)
    if dataclasses.is_dataclass(kind):
        return _part(kind, value, where)
    if get_origin(kind) is tuple:
        return _items(kind, value, where)
    wanted: Any = str if get_origin(kind) is Literal else kind
    if wanted is float and type(value) is int:
        value = float(value)
    if type(value) is not wanted:
        names = {int: "a whole number", float: "a number", bool: "true or false", str: "a word"}
        raise UsageError(f"{where} takes {names[wanted]}, got {value!r:.100}", remedy="see help(Recipe)")
    return value


def _items(kind: Any, value: Any, where: str) -> tuple[Any, ...]:
    kinds = get_args(kind)
    if not isinstance(value, list):
        raise UsageError(f"{where} takes a list, got {value!r:.100}", remedy="see help(Recipe)")
    if kinds[-1] is ...:
        kinds = (kinds[0],) * len(value)
    if len(kinds) != len(value):
        raise UsageError(f"{where} takes {len(kinds)} values, got {len(value)}", remedy="see help(Recipe)")
    return tuple(
        _value(one, item, f"{where}.{number}")
        for number, (one, item) in enumerate(zip(kinds, value, strict=True))
    )


def _part(kind: Any, value: Any, where: str) -> Any:
    shown = where or "a recipe"
    if not isinstance(value, dict):
        raise UsageError(f"{shown} takes a table of fields, got {value!r:.100}", remedy="see help(Recipe)")
    kinds = _fields(kind)
    for name in value:
        if name not in kinds:
            raise UsageError(f"no field {name!r} in {shown}", remedy=nearest(name, list(kinds)))
    needed = {
        one.name
        for one in dataclasses.fields(kind)
        if one.default is dataclasses.MISSING and one.default_factory is dataclasses.MISSING
    }
    if missing := sorted(needed - value.keys()):
        raise UsageError(f"{shown} lacks {', '.join(missing)}", remedy="maskgen recipes show mocov2 has all")
    lead = f"{where}." if where else ""
    made = {name: _value(kinds[name], item, f"{lead}{name}") for name, item in value.items()}
    try:
        return kind(**made)
    except UsageError as error:
        raise UsageError(error.what, where=where, cause=error.cause, remedy=error.remedy) from error


def _lines(part: Any, lead: str) -> list[str]:
    """The fields of a part, then its own parts."""
    values = {one.name: getattr(part, one.name) for one in dataclasses.fields(part)}
    deeper = {name: value for name, value in values.items() if dataclasses.is_dataclass(value)}
    lines = [
        f"{name} = {_text(value)}"
        for name, value in values.items()
        if name not in deeper and value is not None
    ]
    for name, value in deeper.items():
        lines += ["", f"[{lead}{name}]", *_lines(value, f"{lead}{name}.")]
    return lines


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return f"[{', '.join(_text(item) for item in value)}]"
    return f'"{value}"' if isinstance(value, str) else repr(value)
