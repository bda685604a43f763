"""A classifier on sets that are harder than its own: natural, stylized, corrupted, rearranged, attacked.

`classes` (ImageNet's, and a head's), `judges` (answers to counts), `scores` (counts to figures), `sets` (the
public ones), `classifier` (judges a set), `challenge` (ImageNet-9's), `run`; `attacks`, `attacked`.
"""
