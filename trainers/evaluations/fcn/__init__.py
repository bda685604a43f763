"""A fully convolutional network, trained from a checkpoint, that names the class of each pixel.

`run` is the task; protocols (how the papers do it), network (what is trained), crops (what it learns from),
training (one trial), judge (whole photos to a table of pixels), saved (the result as a file of weights).
"""
