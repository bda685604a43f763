"""The photos that come with maskgen: a first run without any download."""

from __future__ import annotations

from dataclasses import replace

from .folder import open_folder
from .listing import Listing, SourceOptions


def open_sample(options: SourceOptions) -> Listing:
    """Sixteen photos of animals, people, things and vehicles, labeled by their folders if labels are wanted.

    None of them trained the networks that come with maskgen under masks by people. Their authors and
    licenses are in `maskgen/release/photos.tsv`.
    """
    labels = "none" if options.labels == "none" else "folder"
    return open_folder(replace(options, labels=labels))
