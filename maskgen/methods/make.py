"""A method of the table ready to be called, and one photo's mask in one line."""

from __future__ import annotations

import dataclasses
from functools import lru_cache
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np

from ..config.suggest import nearest
from ..errors import UsageError
from .network import NetworkMethod
from .registry import METHODS
from .resolve import load_network, network_input, resolve_network
from .spec import MethodOptions

if TYPE_CHECKING:
    from ..types import RGB, Method, SoftMask

_KEPT = 4
"""Methods that `make_mask` keeps: a network's weights take up to 176 MB."""


def make_method(name: str, options: MethodOptions) -> Method:
    """Build a method of METHODS with its refinement.

    Args:
        name: of the method.
        options: as given by the user.

    Raises:
        UsageError: no such method or refinement; options that contradict each other; weights that are not the
            method's.
        EnvironmentFault: a package, a GPU or a kind of arithmetic that is not here.

    Example:
        >>> from maskgen.methods import MethodOptions, make_method
        >>> import numpy as np
        >>> method = make_method("mr", MethodOptions(refine="guided"))
        >>> method(np.zeros((20, 30, 3), np.uint8)).shape
        (20, 30)
    """
    if name not in METHODS:
        raise UsageError(f"unknown mask method {name!r}", remedy=nearest(str(name), list(METHODS)))
    spec = METHODS[name]
    if spec.looks_up:
        raise UsageError(
            f"--method {name} makes no mask of a photo, it looks up those that are there",
            remedy="maskgen run --method files --masks PLACE; here name another method",
        )
    method = spec.load_prior() if spec.network is None else _load_network_method(name, options)
    refine = spec.refinement(options.refine)
    if refine == "none":
        return method
    from .refine.registry import add_refinement

    return add_refinement(method, refine, spec.threshold)


def _load_network_method(name: str, options: MethodOptions) -> Method:
    options = resolve_network(name, options)
    return NetworkMethod(network_input(name, options), load_network(name, options))


def make_mask(method: str, image: RGB, *, weights: str | PathLike[str] = "", **options: Any) -> SoftMask:
    """The foreground mask of one photo.

    The method is built by the first call and kept for the next ones with the same options, the four last used
    ones. Masks of many photos are made faster, and in many processes, by `maskgen run`.

    Args:
        method: a name of `METHODS`: ``fast`` is the default of `maskgen run`, ``vote`` the best that learned
            from no labels.
        image: (H, W, 3) uint8 RGB, any size from 1 x 1.
        weights: path of a learned method's checkpoint; `fast` and `deepusps` have one that comes with
            maskgen, and `maskgen weights get NAME` fetches that of a known network and prints its path.
        **options: further fields of `MethodOptions`: device, runtime, precision, refine, network, resize,
            compile.

    Returns:
        (H, W) float32 in [0, 1]; 1 is foreground.

    Raises:
        UsageError: no such method or option; an image that is not (H, W, 3) uint8; weights that are not the
            method's.
        EnvironmentFault: a package, a GPU or a kind of arithmetic that is not here.
        ImageFault: the network's map is not finite.

    Example:
        >>> from maskgen import make_mask
        >>> import numpy as np
        >>> photo = np.full((48, 64, 3), 40, np.uint8)
        >>> photo[12:36, 20:44] = (200, 60, 30)
        >>> mask = make_mask("rbd", photo)
        >>> mask.shape, mask.dtype, bool(mask[24, 32] > mask[2, 2])
        ((48, 64), dtype('float32'), True)
    """
    photo = _check_photo(image)
    if not isinstance(weights, str | PathLike):
        raise UsageError(
            f"weights takes a path, not {weights!r}",
            remedy='give the checkpoint\'s file, for example weights="u2netp.pth"',
        )
    return _build(str(method), _read_options({"weights": str(weights), **options}))(photo)


def _read_options(given: dict[str, Any]) -> MethodOptions:
    """The options, once their names and types are known to be right.

    Raises:
        UsageError: one is not.
    """
    defaults = dataclasses.asdict(MethodOptions())
    for name, value in given.items():
        if name not in defaults:
            raise UsageError(f"make_mask has no option {name!r}", remedy=nearest(name, list(defaults)))
        wanted = type(defaults[name])
        if not isinstance(value, wanted):
            raise UsageError(f"{name} takes a {wanted.__name__}, not {value!r}")
    return MethodOptions(**given)


@lru_cache(_KEPT)
def _build(name: str, options: MethodOptions) -> Method:
    return make_method(name, options)


def _check_photo(image: object) -> RGB:
    """The photo, contiguous, once it is known to be one.

    Raises:
        UsageError: it is none.
    """
    if not isinstance(image, np.ndarray):
        kind = f"{type(image).__module__}.{type(image).__qualname__}".removeprefix("builtins.")
        opened = 'PIL.Image.open(path).convert("RGB")' if isinstance(image, str | PathLike) else "image"
        raise UsageError(
            f"a photo is an (H, W, 3) uint8 RGB array, not a {kind}",
            remedy=f"numpy.asarray({opened}) makes one",
        )
    if image.ndim != 3 or image.shape[2] != 3 or not image.size:
        batch = image.ndim == 4 and image.shape[3] == 3
        raise UsageError(
            f"a photo is an (H, W, 3) array, not one of shape {image.shape}",
            cause="a batch of photos" if batch else "",
            remedy="give one photo a call"
            if batch
            else 'PIL.Image.open(path).convert("RGB") is such a photo',
        )
    if image.dtype != np.uint8:
        raise UsageError(
            f"a photo's pixels are uint8, not {image.dtype}",
            remedy="values in [0, 1] become uint8 by (255 * image).round().astype(numpy.uint8)",
        )
    return np.ascontiguousarray(image)
