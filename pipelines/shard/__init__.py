"""One shard: the stages of an image, the worker that runs them."""
