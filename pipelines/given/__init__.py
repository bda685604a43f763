"""Masks that are there already, from elsewhere or from an earlier run: `--method files`.

`look` says what a place holds, `open` finds a photo's mask in it; `tree`, `coco` and `shards` are the kinds
of places, `fit` brings a mask to its photo's size, `joined` asks whether masks and photos belong together at
all.
"""
