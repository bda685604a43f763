"""Shards in other people's pipelines: torch data sets by number or as a stream, and a stage of webdataset's.

No recipe is applied here; the loaders make views.
"""
