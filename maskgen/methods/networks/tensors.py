"""Safetensors files that always have the same bytes."""

from __future__ import annotations

import json


def sort_metadata(data: bytes) -> bytes:
    """The same file with its metadata sorted by name: the library writes them in an order of chance.

    A file is 8 bytes of its header's length, the header as JSON, padded with spaces so that the tensors stay
    aligned, and the tensors (https://github.com/huggingface/safetensors, README).

    Args:
        data: a whole file with metadata.

    Example:
        >>> import numpy as np
        >>> from safetensors.numpy import save
        >>> from maskgen.methods.networks.tensors import sort_metadata
        >>> facts = {name: "" for name in "edcba"}
        >>> sort_metadata(save({"weight": np.zeros(2)}, facts))[8:48].decode()
        '{"__metadata__":{"a":"","b":"","c":"","d'
    """
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + data[8 + length :]
