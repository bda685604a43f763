"""Public sets as they are unpacked.

`pictures` (listed and read), `parts` (pictures and what is right), `validation`, `imagenet`, `kinds` (all by
name).
"""
