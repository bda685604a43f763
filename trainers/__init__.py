"""Stage two: self-supervised training on shards, and its evaluation. Importing this package imports no torch."""
