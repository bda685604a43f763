"""How whole networks are trained with labels.

`loop` takes the steps of one trial, `search` chooses among trials.
"""
