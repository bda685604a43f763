"""The order of an epoch, computed where it is asked for: hashes, shuffles, ranks' shares, and where it stands.

`permutation` -> `shuffle` (all samples) -> `schedule` (ranks and steps) -> `state` (what a checkpoint keeps).
"""
