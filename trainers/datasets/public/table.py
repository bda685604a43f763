"""Which public sets are read, how each is laid out, its splits, and the figure that its papers report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .binaries import read_cifar10, read_cifar100, read_stl10
from .caltech import read_caltech101
from .folder import Pictures, SetFolder, find_root
from .imagenet import read_imagenet_val
from .lists import read_aircraft, read_dtd, read_food101, read_pets, read_places365, read_sun397
from .matlab import read_cars, read_flowers102
from .tiny_imagenet import read_tiny_imagenet


@dataclass(frozen=True, kw_only=True)
class PublicSet:
    """A public set of labeled images.

    Args:
        title: its name.
        files: the official layout in words, for errors.
        inside: names of its unpacked folder, which may also be given by the folder above.
        marks: files or folders, one of which its folder has.
        read: its reader: the folder, a split, a partition from 1.
        splits: that it has.
        train: the split to learn from where none is named; empty: it has none.
        validation: the split to choose on; empty: it has none, and some of the training images choose.
        test: the split to test on; empty: it has none of its own.
        metric: that its papers report, ``top1`` or ``per_class`` (RELICv2, appendix D.3).
        partitions: how many times it was split, officially or by a seed.
    """

    title: str
    files: str
    inside: tuple[str, ...] = ()
    marks: tuple[str, ...]
    read: Callable[[SetFolder, str, int], Pictures]
    splits: tuple[str, ...]
    train: str = "train"
    validation: str = ""
    test: str = "test"
    metric: str = "top1"
    partitions: int = 1

    def open(self, path: Path, split: str, partition: int) -> Pictures:
        """The pictures of a split.

        Raises:
            SourceFault: the folder is none of this set, or some of it is missing.
        """
        return self.read(self.home(path), split, partition)

    def home(self, path: Path) -> SetFolder:
        """The folder of the set, in the one given or itself.

        Raises:
            SourceFault: the folder is none of this set.
        """
        return find_root(path, self.title, self.files, inside=self.inside, marks=self.marks)


_THREE = ("train", "val", "trainval", "test")

KINDS: dict[str, PublicSet] = {
    "cifar10": PublicSet(
        title="CIFAR-10",
        files="cifar-10-batches-bin/ of cifar-10-binary.tar.gz, with data_batch_1.bin to data_batch_5.bin, "
        "test_batch.bin and batches.meta.txt",
        inside=("cifar-10-batches-bin", "cifar-10-batches-py"),
        marks=("batches.meta.txt", "data_batch_1.bin", "test_batch.bin", "data_batch_1"),
        read=read_cifar10,
        splits=("train", "test"),
    ),
    "cifar100": PublicSet(
        title="CIFAR-100",
        files="cifar-100-binary/ of cifar-100-binary.tar.gz, with train.bin, test.bin and "
        "fine_label_names.txt",
        inside=("cifar-100-binary", "cifar-100-python"),
        marks=("fine_label_names.txt", "train.bin", "test.bin", "meta"),
        read=read_cifar100,
        splits=("train", "test"),
    ),
    "stl10": PublicSet(
        title="STL-10",
        files="stl10_binary/ of stl10_binary.tar.gz, with train_X.bin, train_y.bin, test_X.bin, test_y.bin, "
        "unlabeled_X.bin and class_names.txt",
        inside=("stl10_binary",),
        marks=("class_names.txt", "train_X.bin", "test_X.bin", "unlabeled_X.bin"),
        read=read_stl10,
        splits=("train", "test", "unlabeled", "train+unlabeled"),
    ),
    "tiny-imagenet": PublicSet(
        title="Tiny ImageNet",
        files="tiny-imagenet-200/ of tiny-imagenet-200.zip, with wnids.txt, train/WNID/images/, val/images/ "
        "and val/val_annotations.txt",
        inside=("tiny-imagenet-200",),
        marks=("wnids.txt", "val/val_annotations.txt"),
        read=read_tiny_imagenet,
        splits=("train", "val"),
        test="val",
    ),
    "imagenet-val": PublicSet(
        title="ImageNet's validation set",
        files="ILSVRC2012_val_00000001.JPEG to 00050000 of ILSVRC2012_img_val.tar, with "
        "LOC_val_solution.csv, "
        "val_labels.txt (lines 'name wnid') or ILSVRC2012_validation_ground_truth.txt and meta.mat of "
        "ILSVRC2012_devkit_t12/data beside them; or a folder for each wnid, or names that begin with it",
        marks=(".",),
        read=read_imagenet_val,
        splits=("val",),
        train="",
        test="val",
    ),
    "places365": PublicSet(
        title="Places365",
        files="places365_train_standard.txt, places365_val.txt and categories_places365.txt of "
        "filelist_places365-standard.tar, with data_256/ and val_256/ (or data_large/ and val_large/)",
        marks=("categories_places365.txt", "places365_val.txt"),
        read=read_places365,
        splits=("train", "val"),
        test="val",
    ),
    "flowers102": PublicSet(
        title="Flowers-102",
        files="jpg/ of 102flowers.tgz, with imagelabels.mat and setid.mat beside it",
        inside=("flowers-102", "102flowers"),
        marks=("setid.mat", "imagelabels.mat", "jpg"),
        read=read_flowers102,
        splits=_THREE,
        validation="val",
        metric="per_class",
    ),
    "pets": PublicSet(
        title="Oxford-IIIT Pet",
        files="images/ of images.tar.gz, and annotations/ of annotations.tar.gz with trainval.txt and "
        "test.txt",
        inside=("oxford-iiit-pet",),
        marks=("annotations/trainval.txt", "annotations"),
        read=read_pets,
        splits=("trainval", "test"),
        train="trainval",
        metric="per_class",
    ),
    "dtd": PublicSet(
        title="DTD",
        files="dtd/ of dtd-r1.0.1.tar.gz, with images/ and labels/train1.txt, val1.txt, test1.txt to "
        "test10.txt",
        inside=("dtd", "dtd/dtd"),
        marks=("labels",),
        read=read_dtd,
        splits=_THREE,
        validation="val",
        partitions=10,
    ),
    "aircraft": PublicSet(
        title="FGVC-Aircraft",
        files="fgvc-aircraft-2013b/data/ of fgvc-aircraft-2013b.tar.gz, with images/, variants.txt and "
        "images_variant_train.txt, images_variant_val.txt, images_variant_trainval.txt, "
        "images_variant_test.txt",
        inside=("data", "fgvc-aircraft-2013b/data"),
        marks=("variants.txt", "images_variant_train.txt"),
        read=read_aircraft,
        splits=_THREE,
        validation="val",
        metric="per_class",
    ),
    "cars": PublicSet(
        title="Stanford Cars",
        files="cars_annos.mat with car_ims/; or devkit/cars_train_annos.mat and devkit/cars_meta.mat of "
        "car_devkit.tgz, cars_test_annos_withlabels.mat, cars_train/ and cars_test/",
        inside=("stanford_cars",),
        marks=("cars_annos.mat", "devkit", "cars_meta.mat"),
        read=read_cars,
        splits=("train", "test"),
    ),
    "food101": PublicSet(
        title="Food-101",
        files="food-101/ of food-101.tar.gz, with images/ and meta/train.txt, meta/test.txt",
        inside=("food-101",),
        marks=("meta",),
        read=read_food101,
        splits=("train", "test"),
    ),
    "sun397": PublicSet(
        title="SUN397",
        files="SUN397/ of SUN397.tar.gz with ClassName.txt, and Training_01.txt, Testing_01.txt to "
        "Testing_10.txt "
        "of Partitions.zip, in it or in Partitions/",
        inside=("SUN397",),
        marks=("ClassName.txt", "Training_01.txt", "Partitions"),
        read=read_sun397,
        splits=("train", "test"),
        partitions=10,
    ),
    "caltech101": PublicSet(
        title="Caltech-101",
        files="101_ObjectCategories/ of 101_ObjectCategories.tar.gz, a folder of image_0001.jpg and so "
        "on for each "
        "class",
        inside=("caltech101", "caltech-101"),
        marks=("101_ObjectCategories",),
        read=read_caltech101,
        splits=_THREE,
        validation="val",
        metric="per_class",
        partitions=1000,
    ),
}
