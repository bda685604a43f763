"""Where every sample of a data set lies: one file, mapped by all processes that read the data set.

`layout` (what lies where in it) -> `mapped` (it, open) -> `build` (it, made) | `place` (where it is kept).
"""
