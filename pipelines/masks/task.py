"""One photo: read, decoded, masked, written, unless its picture is there already."""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from maskgen.errors import EnvironmentFault, UsageError
from maskgen.io.atomic import PartialFile
from maskgen.io.images.decode import Limits, decode
from maskgen.io.turns import take_turn
from maskgen.methods.make import make_method
from maskgen.shards.sample import store_mask
from maskgen.types import ByteRef

from ..resolve import ResolvedConfig
from ..sources.reading import ByteReader
from .picture import Picture
from .stamp import Stamp, read_stamp
from .targets import check_target

if TYPE_CHECKING:
    from maskgen.types import Method

_SHAPING = (
    *("method", "network", "runtime", "precision", "device", "refine", "resize", "threshold", "binary"),
    "accept_damaged",
)
"""Options that a picture depends on."""


class Job(NamedTuple):
    """A photo and the file that its picture is written to.

    Args:
        ref: its bytes.
        path: its path in words.
        target: path below the output folder.
    """

    ref: ByteRef
    path: str
    target: str


@dataclass
class MaskTask:
    """The task of a worker: the picture of one photo; the method is made once a process.

    Args:
        config: of the masks.
        picture: what is made of them.
        root: the folder that photos are read from.
        output: the folder that pictures are written to.
        overwrite: whether pictures of other settings are replaced.
    """

    config: ResolvedConfig
    picture: Picture
    root: Path
    output: Path
    overwrite: bool = False
    _method: Method | None = None
    _settings: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        options = self.config.options
        self._settings = {
            "picture": {"kind": self.picture.kind, **self.picture.facts},
            "options": {name: getattr(options, name) for name in _SHAPING},
            "versions": self.config.versions,
            "weights_sha256": self.config.weights_sha256,
        }

    @property
    def settings(self) -> dict[str, Any]:
        """Everything but the photo that a picture depends on."""
        return self._settings

    def __call__(self, job: Job) -> bool | None:
        """Whether the picture was made now; False: it was there; None: another command is making it.

        Raises:
            ImageFault: the photo cannot be read or decoded, or its mask is not finite.
            EnvironmentFault: the disk is full, broken or read-only, or another command writes other pictures
                there.
        """
        with contextlib.closing(ByteReader(self.root, self.config.options.max_bytes)) as bytes_of:
            data = bytes_of.read(job.ref)
        wanted, target = self._stamp(data), self.output / job.target
        if _is_finished(target, wanted):
            return False
        with take_turn(target) as mine:
            if not mine:
                return None
            if _is_finished(target, wanted):  # by another command, between the two lines above
                return False
            with PartialFile(target) as partial:
                partial.write(wanted.put_on(self._render(data)))
                self._look_again(target)
                partial.put()  # made durable by who calls, for all at once
        return True

    def _look_again(self, target: Path) -> None:
        """All targets were looked at before the work; what has come since is another command's."""
        try:
            check_target(target, self._settings, overwrite=self.overwrite)
        except UsageError as error:
            raise EnvironmentFault(
                "another command has written here meanwhile",
                where=str(target),
                cause=error.what,
                remedy="let one end before the other begins, or give each a place of its own",
            ) from error

    def make(self, data: bytes) -> bytes:
        """The picture of a photo's file.

        Raises:
            ImageFault: the photo cannot be decoded, or its mask is not finite.
        """
        return self._stamp(data).put_on(self._render(data))

    def _stamp(self, data: bytes) -> Stamp:
        return Stamp(self._settings, hashlib.sha256(data).hexdigest())

    def _render(self, data: bytes) -> bytes:
        options = self.config.options
        limits = Limits(options.max_bytes, options.max_pixels, options.max_side)
        photo = decode(data, limits, accept_damaged=options.accept_damaged).image
        self._method = self._method or make_method(options.method, self.config.method)
        return self.picture.render(photo, store_mask(self._method(photo), options.threshold, options))


def _is_finished(target: Path, wanted: Stamp) -> bool:
    return target.exists() and read_stamp(target) == (wanted, True)
