"""ImageNet as people have it.

`layouts` finds the photos by class; `labels` are the files that number them; `tars` the original archives.
"""
