"""The formats: `format` is what one is, and the table of them.

`pictures`, `coco`, `parquet`, `hub`, `arrays`, `fiftyone`.
"""
