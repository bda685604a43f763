"""Masks as picture files: a photo or a tree of photos in, a PNG for each out.

`make` does it; `names` are the files' names, `picture` is what is in them, `stamp` how they were made, `task`
one photo.
"""
