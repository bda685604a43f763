"""Whose background a photo gets: drawn from the seed and the photo's key, whatever else is drawn."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from types import MappingProxyType


def draw(count: int, *words: object) -> int:
    """One of ``0 .. count - 1``, the same for the same words on every machine.

    The first 8 bytes of the SHA-256 of the words with line feeds between them, modulo `count`; for counts
    below 2^32 all are equally likely to 1 in 2^32.

    Example:
        >>> from maskgen.challenge.donors import draw
        >>> draw(1000, 0, "mixed_rand", "n01440764_10026")
        176
    """
    text = "\n".join(map(str, words)).encode("utf-8", "surrogateescape")
    return int.from_bytes(hashlib.sha256(text).digest()[:8], "big") % count


class Donors:
    """Photos by class, to draw backgrounds from.

    A draw depends on the seed, the photo's key and the keys of the classes drawn from, not on the order of
    the shards.

    Args:
        keys: of the photos, by number.
        labels: of the photos, by number: at least two classes, each of at least two photos.
        seed: of all draws.

    Example:
        >>> from maskgen.challenge.donors import Donors
        >>> donors = Donors({0: "a", 1: "b", 5: "c", 6: "d"}, {0: 3, 1: 3, 5: 7, 6: 7}, seed=0)
        >>> donors.mixed(0)["mixed_same"], donors.mixed(5)["mixed_same"]
        (1, 6)
    """

    def __init__(self, keys: Mapping[int, str], labels: Mapping[int, int], seed: int) -> None:
        self.keys, self.labels, self.seed = keys, labels, seed
        members: dict[int, list[int]] = {label: [] for label in sorted(set(labels.values()))}
        for number in sorted(keys, key=keys.__getitem__):
            members[labels[number]].append(number)
        self._places = {number: place for group in members.values() for place, number in enumerate(group)}
        self.members: Mapping[int, Sequence[int]] = MappingProxyType(members)
        """Numbers of the photos of each class, by their keys; classes by their labels."""
        self._order = {label: place for place, label in enumerate(members)}

    def mixed(self, number: int) -> dict[str, int]:
        """The photo whose background a photo gets in each mixed variant, by the variant's name.

        ``mixed_same``: another photo of its class; ``mixed_rand``: any class, its own too, each as likely,
        then any photo of it but the photo itself; ``mixed_next``: the class after its own, after the last the
        first.
        """
        labels = list(self.members)
        own, key = self.labels[number], self.keys[number]
        any_class = labels[draw(len(labels), self.seed, "class", key)]
        after = labels[(self._order[own] + 1) % len(labels)]
        classes = {"mixed_same": own, "mixed_rand": any_class, "mixed_next": after}
        return {variant: self.one_of(label, number, variant) for variant, label in classes.items()}

    def one_of(self, label: int, number: int, purpose: str) -> int:
        """A photo of a class, never the one of this number; draws for other purposes are others."""
        group, words = self.members[label], (self.seed, purpose, self.keys[number])
        if label != self.labels[number]:
            return group[draw(len(group), *words)]
        place = draw(len(group) - 1, *words)
        return group[place + (place >= self._places[number])]
