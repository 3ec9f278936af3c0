"""Small folders and archives of images with boxes, made on the spot in each layout that can be read."""

import json
import zipfile

import numpy as np
from PIL import Image

from tests.data.test_voc_xml import annotation, box

WIDTH, HEIGHT = SIZE = (20, 10)
PARTS = ("train", "val", "test")


def picture(path, seed=0, size=SIZE):
    """Writes a picture of random pixels, losslessly unless it is a JPEG, and gives them (H,W,3)."""
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return pixels


def voc_folder(root):
    """One image a part, called train1, val1, test1: a cat in each, and in the training image a dog as well."""
    for seed, part in enumerate(PARTS):
        picture(root / f"JPEGImages/{part}1.png", seed)
        voc_annotation(root, f"{part}1", box("cat", (1, 2, 20, 10)), *([box("dog", (0, 0, 3.5, 1))] if part == "train" else []))
        voc_list(root, part, f"{part}1")
    return root


def voc_annotation(root, name, *boxes, size=SIZE):
    (root / "Annotations").mkdir(exist_ok=True)
    (root / f"Annotations/{name}.xml").write_bytes(annotation(*boxes, size=size))


def voc_list(root, part, *names):
    (root / "ImageSets/Main").mkdir(parents=True, exist_ok=True)
    (root / f"ImageSets/Main/{part}.txt").write_text("".join(f"{name}\n" for name in names))


def voc_added(root, name, *boxes, part="train", size=SIZE):
    """One more name in a part's list, with its picture and these boxes."""
    picture(root / f"JPEGImages/{name}.png", 7)
    voc_annotation(root, name, *boxes, size=size)
    listed = (root / f"ImageSets/Main/{part}.txt").read_text().split()
    voc_list(root, part, *listed, name)


def coco_record(number, name, **changes):
    return {"id": number, "file_name": name, "width": WIDTH, "height": HEIGHT} | changes


def coco_box(image, bbox=(1, 2, 19, 8), category=18, **changes):
    return {"id": 100 + image, "image_id": image, "category_id": category, "bbox": list(bbox), "iscrowd": 0} | changes


CATEGORIES = [{"id": 18, "name": "dog"}, {"id": 3, "name": "cat"}]


def coco_file(root, part, images, boxes, categories=CATEGORIES):
    (root / "annotations").mkdir(parents=True, exist_ok=True)
    document = {"images": images, "annotations": boxes, "categories": categories}
    (root / f"annotations/instances_{part}2017.json").write_text(json.dumps(document))


def coco_folder(root):
    """One image a part, a.png in train2017 and so on: a dog in each."""
    for seed, part in enumerate(PARTS):
        picture(root / f"{part}2017/a.png", seed)
        coco_file(root, part, [coco_record(1, "a.png")], [coco_box(1)])
    return root


def npz_members():
    """Five images, three of them to train on, and six boxes; image 1 has none."""
    rng = np.random.default_rng(0)
    corner = np.array([1.0, 2.0, 20.0, 10.0], dtype=np.float32)
    return {
        "images": rng.integers(0, 256, (5, HEIGHT, WIDTH, 3), dtype=np.uint8),
        "boxes": np.stack([corner - np.float32([0.1 * row, 0, 0.1 * row, 0]) for row in range(6)]),
        "box_class": np.array([0, 1, 1, 0, 0, 1], dtype=np.uint8),
        "box_image": np.array([0, 0, 2, 3, 4, 4], dtype=np.int32),
        "split": np.array([0, 0, 0, 1, 2], dtype=np.uint8),
        "class_names": np.array(["cat", "dog"]),
        "file": np.array(["a", "b", "c", "d", "e"]),
    }


def npz_file(folder, **changes):
    """These members with changes; one that is None is not there."""
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / "a.npz", "w") as archive:  # numpy's own writer takes no member called "file"
        for name, value in (npz_members() | changes).items():
            if value is not None:
                with archive.open(f"{name}.npy", "w") as member:
                    np.lib.format.write_array(member, value)
    return folder / "a.npz"
