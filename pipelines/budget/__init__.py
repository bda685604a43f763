"""Where a worker's CPU time goes: `parts` of a sample and `shard_parts`, `limits` by library calls.

`measure` runs them in turns with the real worker; `table` says what it found.
"""
