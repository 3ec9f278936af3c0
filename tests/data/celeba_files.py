"""A few pictures in the files of CelebA's publishers, and torchvision's class for them."""

import hashlib

from torchvision.datasets import CelebA


def written(root, pictures, parts, attributes, identities=None):
    """Pictures, the part of each (0 train, 1 valid, 2 test), 1 or -1 of each by the attributes' names -> CelebA with these files' digests.

    The first picture is 000001.png. `identities` are all 1 unless given.
    """
    names = [f"{number:06d}.png" for number in range(1, len(pictures) + 1)]

    def table(rows, header=()):
        """The publishers' format: a count and the names first in some tables, then a name and its numbers with spaces between."""
        lines = [f"{name}  {' '.join(map(str, row))}" for name, row in zip(names, rows, strict=True)]
        return "\n".join([*([str(len(names)), " ".join(header) + " "] if header else []), *lines])

    texts = {
        "list_eval_partition.txt": table([[part] for part in parts]),
        "identity_CelebA.txt": table([[number] for number in identities or [1] * len(names)]),
        "list_bbox_celeba.txt": table([[1, 2, 3, 4]] * len(names), ("x", "y", "w", "h")),
        "list_landmarks_align_celeba.txt": table([[1] * 10] * len(names), [str(number) for number in range(10)]),
        "list_attr_celeba.txt": table(zip(*attributes.values(), strict=True), attributes),
    }
    folder = root / "celeba"
    (folder / "img_align_celeba").mkdir(parents=True)
    for name, picture in zip(names, pictures, strict=True):
        picture.save(folder / "img_align_celeba" / name)
    for name, text in texts.items():
        (folder / name).write_text(text)

    class SmallCelebA(CelebA):
        file_list = [("", hashlib.md5(text.encode()).hexdigest(), name) for name, text in texts.items()]  # noqa: RUF012 - as torchvision has it

    return SmallCelebA
