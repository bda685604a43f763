"""Test sets that tell whether a classifier looks at the foreground, made from labeled shards and their masks.

`settings` says what is made; `selection` (which photos are fit), `donors` (whose background each gets),
`variants` (the pictures), `photos` (read from shards), `folders` and `shard_sets` (written), `make` (all of
it); `scores` are what a classifier's answers come to.
"""
