"""Training a whole backbone with a classifier, from a checkpoint.

`run` is the task, with its search; protocols (how the papers do it), listed (a part of the images, by a
file), model (what is trained, at which rates), training (one trial, step by step), saved (the result as a
file of weights).
"""
