"""Whole samples by number, as torch.utils.data.DataLoader and anything else that indexes wants them."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NotRequired, TypedDict

import numpy as np
from numpy.typing import NDArray

from maskgen.errors import EnvironmentFault, ImageFault, UsageError
from maskgen.io.images.encode import resize_mask
from maskgen.io.images.stored import decode_mask, decode_photo
from maskgen.shards import naming
from maskgen.shards.patch import paste_background
from maskgen.types import RGB, Box

from ..dataset.dataset import Dataset
from ..dataset.labels import read_labels
from ..dataset.open import open_dataset
from ..reading.broken import BrokenSample
from ..reading.buffers import Taken
from ..reading.samples import SampleReader
from ..storage.temporary import cache_for

if TYPE_CHECKING:
    from torch.utils.data import Dataset as TorchDataset

    MapStyle = TorchDataset[Any]  # what a checker of DataLoader's arguments asks for
else:
    MapStyle = object  # torch itself asks for none, and is not needed here

FORMS = ("tensors", "arrays", "pillow")


class Sample(TypedDict):
    """One sample; photo, mask and background have the photo's size (H, W).

    Keys:
        key: of the sample.
        label: its class; -1 without one, or with several.
        image: the photo, RGB, uint8.
        mask: soft, uint8 from 0 to 255; with ``hard``, what the shards count as foreground.
        background: the photo without its foreground, like `image`; with ``backgrounds``.
    """

    key: str
    label: int
    image: Any
    mask: Any
    background: NotRequired[Any]


class ShardDataset(MapStyle):
    """Samples of shards by number: photo, mask, label, and the background if asked.

    ``data[7]`` is a `Sample`, a dict. It is a map-style data set as torch means it, with ``__getitems__``, by
    which DataLoader reads a batch at once; it can be pickled, and each worker opens its own files when it
    first reads. No order is imposed; samples are numbered in the order of the shards.

    Args:
        data: shards: a folder, an address in an object store, or an open data set.
        photos: of shards without photos (layout ``sidecar``): the run's ``--input``.
        cache: folder on a local disk for shards at an address, see `open_dataset`; None: one that is removed
            at the end.
        backgrounds: whether samples hold their background.
        hard: whether masks are what the shards count as foreground, rather than soft.
        form: ``tensors``: `tv_tensors` of torchvision, (3, H, W) uint8 images and (H, W) masks, uint8 or
            bool; ``arrays``: numpy, (H, W, 3) and (H, W); ``pillow``: Pillow's images, RGB and L.
        transform: applied to each `Sample`; torchvision's v2 transforms take such a dict, and move photo,
            mask and background alike.
        on_error: ``raise`` on a damaged sample, or ``skip``: it is counted, and another that its number alone
            decides comes in its place.

    Raises:
        ShardFault: the folder is not what its manifest says.
        UsageError: the shards lack photos or backgrounds, the run has not ended, or an option is unknown.
        EnvironmentFault: torchvision is not installed, or the store cannot be reached.

    Example:
        >>> from torch.utils.data import DataLoader
        >>> from torchvision.transforms import v2
        >>> from maskgen.loaders import ShardDataset
        >>> data = ShardDataset("shards", transform=v2.RandomResizedCrop(64))
        >>> for batch in DataLoader(data, batch_size=4):
        ...     print(tuple(batch["image"].shape), tuple(batch["mask"].shape))
        ...     break
        (4, 3, 64, 64) (4, 64, 64)
    """

    def __init__(
        self,
        data: Dataset | str | Path,
        *,
        photos: str | Path | None = None,
        cache: str | Path | None = None,
        backgrounds: bool = False,
        hard: bool = False,
        form: str = "tensors",
        transform: Callable[[Any], Any] | None = None,
        on_error: str = "raise",
    ) -> None:
        self._wrap = _wrapper(form)
        if isinstance(data, Dataset):
            self.dataset = data
        else:
            self.dataset = open_dataset(data, photos=photos, cache=cache or cache_for(data))
        self._members = (naming.PHOTO, naming.MASK, *((naming.BACKGROUND,) if backgrounds else ()))
        self._reader = SampleReader(self.dataset, self._members, on_error=on_error)
        self._hard = hard
        self.transform = transform

    def __len__(self) -> int:
        return self.dataset.samples

    def __iter__(self) -> Iterator[Any]:
        """Each sample in the order of the shards."""
        return (self[number] for number in range(len(self)))

    def __getitem__(self, number: int) -> Any:
        """The sample of a number, from the end where it is negative, after the transform.

        Raises:
            IndexError: no such sample.
            TypeError: a key, or something else that is no number.
            BrokenSample: it is damaged, and `on_error` is ``raise``.
        """
        try:
            place = operator.index(number)
        except TypeError as error:
            raise TypeError(f"{number!r} is no number: data.number_of(key) gives that of a key") from error
        return self.__getitems__([place])[0]

    def __getitems__(self, numbers: Sequence[int]) -> list[Any]:
        """The samples of many numbers at once."""
        asked = np.asarray(numbers, np.int64)
        asked = np.where(asked < 0, asked + len(self), asked)
        taken = self._reader.take(asked, self._members)
        made: list[Any] = []
        while len(made) < len(asked):
            try:
                made.append(self._made(taken, len(made)))
            except BrokenSample as fault:
                self._reader.mark_broken(fault)
                taken = self._reader.take(asked, self._members)
        return made if self.transform is None else [self.transform(sample) for sample in made]

    def number_of(self, key: str) -> int:
        """The number of the sample with a key.

        Raises:
            KeyError: there is none.
        """
        number = self.dataset.find(key)
        if number is None:
            raise KeyError(
                f"no sample {key!r}: its photo may be in quarantine, or is named by its path "
                "(MaskReader.key_of(path) gives the key)"
            )
        return number

    @property
    def labels(self) -> NDArray[np.int64]:
        """(N,) int64, the class of every sample, from the tables: no photo is opened; -1 as in `Sample`."""
        return read_labels(self.dataset)

    @property
    def broken(self) -> dict[int, str]:
        """Samples that this process found broken, by number, and what is wrong with each."""
        return self._reader.broken

    def close(self) -> None:
        """Close the files; the next read opens them again."""
        self._reader.close()

    def _made(self, taken: Taken, row: int) -> Sample:
        """One sample of a batch that was read.

        Raises:
            BrokenSample: a picture cannot be decoded.
        """
        decoded = {ext: self._decode(taken, row, ext) for ext in self._members}
        photo, mask = decoded[naming.PHOTO], decoded[naming.MASK]
        size = (photo.shape[0], photo.shape[1])
        if mask.shape != size:
            mask = resize_mask(mask, size)
        if self._hard:
            mask = mask >= self.dataset.level
        image, region = self._wrap(photo, mask)
        meta = taken.small.meta[row]
        sample = Sample(key=taken.keys[row], label=int(meta["label"]), image=image, mask=region)
        if naming.BACKGROUND in decoded:
            whole = paste_background(photo, decoded[naming.BACKGROUND], Box(*meta["bg_box"].tolist()))
            sample["background"] = self._wrap(whole, mask)[0]
        return sample

    def _decode(self, taken: Taken, row: int, ext: str) -> NDArray[Any]:
        decode = decode_mask if ext == naming.MASK else decode_photo
        try:
            return decode(taken.encoded[ext][row].tobytes())
        except ImageFault as error:
            sample = int(taken.samples[row])
            raise self._reader.fault(sample, ext, "a picture cannot be decoded", str(error)) from error


Wrap = Callable[[RGB, NDArray[Any]], tuple[Any, Any]]


def _wrapper(form: str) -> Wrap:
    if form == "arrays":
        return _arrays
    if form == "pillow":
        return _pillow
    if form != "tensors":
        raise UsageError(
            f"unknown form {form!r}", arguments=[("form", " | ".join(FORMS))], remedy="take one of these"
        )
    try:
        import torchvision.tv_tensors  # noqa: F401
    except ImportError as error:
        raise EnvironmentFault(
            "tensors need torch and torchvision",
            remedy='pip install "maskgen[train]", or take form="arrays" or "pillow"',
        ) from error
    return _tensors


def _arrays(photo: RGB, mask: NDArray[Any]) -> tuple[Any, Any]:
    return photo, mask


def _pillow(photo: RGB, mask: NDArray[Any]) -> tuple[Any, Any]:
    from PIL import Image

    levels = mask if mask.dtype == np.uint8 else mask.astype(np.uint8) * np.uint8(255)
    return Image.fromarray(photo), Image.fromarray(levels)


def _tensors(photo: RGB, mask: NDArray[Any]) -> tuple[Any, Any]:
    from torch import from_numpy
    from torchvision import tv_tensors

    pixels = np.ascontiguousarray(photo.transpose(2, 0, 1))
    return tv_tensors.Image(from_numpy(pixels)), tv_tensors.Mask(from_numpy(np.ascontiguousarray(mask)))
