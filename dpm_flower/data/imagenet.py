"""ImageNet in the folders that torchvision's ImageNet makes and reads."""

from dataclasses import replace
from pathlib import Path

from dpm_flower.core.errors import DataError
from dpm_flower.data.image_folder import ready_split
from dpm_flower.data.split_folders import Splits
from dpm_flower.data.undecoded import Undecoded


def imagenet(root: Path, side: int) -> Undecoded:
    """ROOT/train/WNID/IMAGE and ROOT/val/WNID/IMAGE -> a data set with images (N,3,side,side); its classes are named by their WNIDs.

    The shorter side becomes `side` pixels and the centre is cut, which is the usual evaluation at 224. Neither the development
    kit nor the test images are needed. The cache of decoded images takes 3 x side x side bytes per image on disk, 200 GB for all
    1.33 million at 224, 16 GB at 64, so DPM_FLOWER_CACHE_GB has to allow for that; decoding them takes about 5 ms of one CPU
    each, once. From then on the images are mapped, which takes no memory, though every process reads all of them twice when it opens
    them: for their checksum, and to find repeats. Memory is needed for copies: of the images of the entity that a process works
    for, 10 GB for 64,000 at 224, and of the public images as soon as it asks for them, of the test images where some classes are
    public (7.5 GB for all 50,000 at 224). No float copy is ever made of more than a batch. Without the cache all images
    have to fit into the memory of every process.
    Raises DataError for another layout.
    """
    splits = Splits("train", "val")
    if lacking := [str(path) for path in (root / splits.train, root / splits.test) if not path.is_dir()]:
        raise DataError(f"imagenet: wanted ROOT/train/WNID/IMAGE and ROOT/val/WNID/IMAGE, as torchvision unpacks it; missing {lacking}")
    return replace(ready_split(root, splits, side), name="imagenet")
