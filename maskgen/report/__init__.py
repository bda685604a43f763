"""`maskgen report`: what a set of masks is like, as one page; `make` is the entry.

settings; sample (one mask, where it lies); tally (numbers and extremes, in one pass); shard_set and opened
(what is passed over: tables, plain maps); comparing (with others, with truths), photos; cards, gallery,
sections.
"""
