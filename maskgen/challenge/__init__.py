"""Test sets that tell whether a classifier looks at the foreground, made from labeled shards and their masks.

`settings` says what is made; `selection` (which photos are fit), `donors` and `pairs` (whose background each
gets), `variants` and `noise` (the pictures), `photos` (read from shards), `pictures` (as bytes), `folders`,
`shard_sets` and `output` (written), `report`, `make` (all of it), `sheet`; `answers` of a classifier come to
`scores`.
"""
