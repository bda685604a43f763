"""The shards of a run, and a batch as a method trains on it."""
