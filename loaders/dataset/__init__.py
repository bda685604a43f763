"""A folder of shards as one data set: opened, checked, joined with original photos."""
