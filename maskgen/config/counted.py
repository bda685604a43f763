"""Numbers of things in messages: 1 shard, 2 shards."""

from __future__ import annotations


def counted(number: int, one: str, many: str = "") -> str:
    """A number and its noun.

    Args:
        number: how many.
        one: the noun for one thing; it may end in a verb: ``photo has``.
        many: for more or none; ``one`` and an s unless given.

    Example:
        >>> counted(1, "shard"), counted(0, "shard"), counted(2, "photo has", "photos have")
        ('1 shard', '0 shards', '2 photos have')
    """
    return f"{number} {one if number == 1 else many or one + 's'}"
