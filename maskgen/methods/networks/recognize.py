"""What a file given as weights is, for the error when it is not what was asked for.

Looked at without torch and without running anything from it: the first bytes, the metadata of maskgen's own
files, and the names of tensors, which lie readable in safetensors and in both of torch's formats.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import NamedTuple

HEAD_BYTES = 1 << 20
"""Of a file that is looked at; the names of a network's tensors come first in all three formats."""
_LARGE_BYTES = 40_000_000
_LITTLE_BYTES = 8


class Recognized(NamedTuple):
    """What a file is.

    Args:
        words: as in "it is a picture", without the first.
        method: that takes it as `--weights`; empty where none does.
    """

    words: str
    method: str = ""


_BY_START = (
    (rb"\s*<(!doctype|html|\?xml)", Recognized("is a web page, as a link to a page leaves it")),
    (rb"version https://git-lfs", Recognized("is a pointer of Git LFS, not the file that it stands for")),
    (rb"\xff\xd8\xff|\x89PNG", Recognized("is a picture")),
    (rb".{4}TFL3", Recognized("is a TFLite model, which maskgen does not run")),
    (rb"\x89HDF\r\n", Recognized("is an HDF5 file, as Keras writes them")),
)
"""What files begin with."""

_BY_NAMES = (
    # IS-Net's stages have U²-Net's names.
    (
        r"conv_in\.weight.*stage1\.rebnconvin|stage1\.rebnconvin.*conv_in\.weight",
        "holds IS-Net's weights for torch",
    ),
    (r"stage1\.rebnconvin\.", ""),
    (
        r"patch_embed\.proj\.weight.*blocks\.0\.|blocks\.0\..*patch_embed\.proj\.weight",
        "holds the weights of a ViT",
    ),
    (r"squeeze_module\.", "holds BiRefNet's weights for torch"),
    (r"_conv_stem\.weight", "holds the weights of an EfficientNet classifier"),
    (r"layer4\.0\.conv1\.weight", "holds the weights of a ResNet"),
)
"""Names of tensors that one kind of network has, and what that is; U²-Net's two are told apart by size."""

_MAKERS = {
    "student": "holds the weights of a student",
    "deepusps": "holds the weights of a network of deepusps",
}


def recognize(path: Path) -> Recognized | None:
    """What a file of weights is; None where that is not known.

    Args:
        path: of the file; one that cannot be read is not known.

    Example:
        >>> from maskgen.methods.networks.recognize import recognize
        >>> from maskgen.methods.networks.student.method import FAST_WEIGHTS
        >>> recognize(FAST_WEIGHTS)
        Recognized(words='holds the weights of a student', method='student')
    """
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
        size = path.stat().st_size
    except OSError:
        return None
    if not head:
        return Recognized("is empty")
    for start, found in _BY_START:
        if re.match(start, head, re.DOTALL | re.IGNORECASE):
            return found
    return _by_metadata(head) or _by_names(head, size) or _onnx(path, head)


def other_method(path: Path, *wanted: str) -> tuple[str, str]:
    """The cause and the remedy for an error that refuses a file; empty where nothing is known of it.

    Args:
        path: of the file.
        *wanted: the methods that it may have been given to: a file that is theirs says nothing new.
    """
    found = recognize(path)
    if found is None or found.method in wanted:
        return "", ""
    return f"it {found.words}", f"use --method {found.method}" if found.method else ""


def _by_metadata(head: bytes) -> Recognized | None:
    """A safetensors file of ours, by what its header says of it."""
    length = int.from_bytes(head[:_LITTLE_BYTES], "little")
    try:
        maker = str(json.loads(head[_LITTLE_BYTES : _LITTLE_BYTES + length])["__metadata__"]["maskgen"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return Recognized(_MAKERS[maker], maker) if maker in _MAKERS else None


def _by_names(head: bytes, size: int) -> Recognized | None:
    names = " ".join(word.decode() for word in re.findall(rb"[\w.]{8,80}", head))
    for pattern, words in _BY_NAMES:
        if not re.search(pattern, names):
            continue
        if words == "holds the weights of a ViT":
            return Recognized(words, "found" if "decoder." in names else "tokencut")
        if words:
            return Recognized(words)
        large = size > _LARGE_BYTES
        return Recognized(
            "holds the weights of U²-Net" + ("" if large else "-p"), "u2net" if large else "u2netp"
        )
    return None


def _onnx(path: Path, head: bytes) -> Recognized | None:
    """An ONNX model: its first field is the format's version, a small number."""
    is_one = path.suffix == ".onnx" and head[:1] == b"\x08" and 0 < int.from_bytes(head[1:2]) < 32
    return Recognized("is an ONNX model", "onnx") if is_one else None
