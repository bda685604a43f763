"""Labeled sets of images to evaluate on: folders, shards, and the public sets as they are downloaded."""
