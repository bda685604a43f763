"""Draw every training-free method on the same eight photos (those of scikit-image).

The picture of docs/how-to/methods.md.

python benchmarks/methods_sheet.py docs/how-to/methods.jpg
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import skimage

from maskgen.drawing.contact_sheet import Row, gray_picture, render_sheet
from maskgen.methods import METHODS, MethodOptions, make_method

FOLDER = Path(skimage.__file__).parent / "data"
PHOTOS = (
    "astronaut.png",
    "camera.png",
    "chelsea.png",
    "clock_motion.png",
    "coffee.png",
    "coins.png",
    "moon.png",
    "rocket.jpg",
)
NAMES = ("rbd", "mr", "dsr", "mc", "vote")


def row(name: str) -> Row:
    """One photo and its mask by each method."""
    photo = cv2.imread(str(FOLDER / name), cv2.IMREAD_COLOR_RGB)
    masks = (make_method(method, MethodOptions())(photo) for method in NAMES)
    levels = (np.rint(mask * 255).astype(np.uint8) for mask in masks)
    return Row(Path(name).stem, (photo, *(gray_picture(level) for level in levels)))


def main(output: str) -> None:
    assert set(NAMES) <= set(METHODS)
    sheet = render_sheet([row(name) for name in PHOTOS], titles=("photo", *NAMES))
    image = cv2.imdecode(np.frombuffer(sheet, np.uint8), cv2.IMREAD_COLOR)
    cv2.imwrite(output, image, [cv2.IMWRITE_JPEG_QUALITY, 82])


if __name__ == "__main__":
    main(sys.argv[1])
