"""MS COCO and COCO-style sets.

`photos` lists a folder or a zip; `places` finds it and its annotations; `labels` are what these say.
"""
