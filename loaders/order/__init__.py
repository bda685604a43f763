"""The order of an epoch, computed where it is asked for.

Hashes, shuffles, ranks' shares, and the state of a loader.

`permutation` -> `shuffle` (all samples) -> `schedule` (ranks and steps) -> `state` (what a checkpoint keeps).
"""
