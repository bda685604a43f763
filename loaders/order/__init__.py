"""The order of an epoch: pure functions of (seed, epoch, position)."""
