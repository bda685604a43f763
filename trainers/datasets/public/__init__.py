"""The public sets of the papers as they are downloaded: lists, annotations and binaries, read in place.

`table` lists the kinds, `place` reads KIND:PATH[@SPLIT]; `binaries`, `lists`, `matlab`, `imagenet` and
`caltech` read what the sets ship, through `folder` (files that must be there) and `picture` (their bytes).
"""
