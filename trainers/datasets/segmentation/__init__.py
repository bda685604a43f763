"""Photos with the class of each pixel, as public sets are unpacked.

`segmented` is what all of them are; voc, sbd (more annotations of VOC's photos) and cityscapes read their
layouts, and `layouts` finds out which one a folder has.
"""
