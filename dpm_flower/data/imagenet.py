"""ImageNet in the folders that torchvision's ImageNet makes and reads."""

from dataclasses import replace
from pathlib import Path

from dpm_flower.core.errors import DataError
from dpm_flower.data.image_folder import ready_split
from dpm_flower.data.undecoded import Undecoded


def imagenet(root: Path, side: int) -> Undecoded:
    """ROOT/train/WNID/IMAGE and ROOT/val/WNID/IMAGE -> a data set with images (N,3,side,side); its classes are named by their WNIDs.

    The shorter side becomes `side` pixels and the centre is cut, which is the usual evaluation at 224. Neither the development
    kit nor the test images are needed. The cache of decoded images takes 3 x side x side bytes per image on disk, 200 GB for all
    1.33 million at 224, 16 GB at 64, so DPM_FLOWER_CACHE_GB has to allow for that; decoding them takes about 5 ms of one CPU
    each, once. From then on the images are mapped: memory is needed for those that an entity holds, 10 GB for 64,000 at 224,
    and no float copy is ever made of more than a batch. Without the cache all of them have to fit into memory.
    Raises DataError for another layout.
    """
    parts = {name: root / name for name in ("train", "val")}
    if lacking := [str(path) for path in parts.values() if not path.is_dir()]:
        raise DataError(f"imagenet: wanted ROOT/train/WNID/IMAGE and ROOT/val/WNID/IMAGE, as torchvision unpacks it; missing {lacking}")
    return replace(ready_split(root, parts, side), name="imagenet")
