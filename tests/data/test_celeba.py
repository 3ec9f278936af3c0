import pytest
from PIL import Image
from torchvision.datasets import CelebA

from dpm_flower.core.errors import DataError
from dpm_flower.data.celeba import celeba
from tests.data.celeba_files import written

NAMES = [f"{number:06d}.png" for number in range(1, 9)]
PART = [0, 0, 2, 1, 0, 2, 1, 0]
IDENTITY = [7, 7, 9, 11, 12, 9, 11, 13]
YOUNG, SMILING = [1, -1, 1, 1, -1, -1, 1, -1], [-1, 1, 1, -1, 1, -1, 1, 1]


@pytest.fixture
def small(tmp_path):
    """torchvision's class for eight pictures of 20 x 26 pixels in CelebA's format, and where they lie."""
    painted = [Image.new("RGB", (20, 26), (number, 0, 0)) for number in range(len(NAMES))]
    return written(tmp_path, painted, PART, {"Young": YOUNG, "Smiling": SMILING}, IDENTITY), tmp_path


def red(part):
    """The number that each picture was painted with."""
    return part.images[:, 0, 0, 0].tolist()


def test_parts_labels_and_identities_belong_to_their_images(small):
    data = celeba(*small, 12).decoded()
    train, test = [0, 1, 4, 7, 3, 6], [2, 5]
    assert (red(data.train), red(data.test)) == (train, test)
    assert data.class_names == ("not Smiling", "Smiling")
    assert data.train.labels.tolist() == [(SMILING[row] + 1) // 2 for row in train]
    assert data.test.labels.tolist() == [(SMILING[row] + 1) // 2 for row in test]
    assert data.columns["identity"].train == tuple(str(IDENTITY[row]) for row in train)
    assert data.columns["identity"].test == ("9", "9")
    assert data.side == 12
    assert "2 images of the valid part" in data.notes[0]


def test_another_attribute_may_be_the_class(small):
    assert celeba(*small, 12, "Young").test.labels.tolist() == [1, 0]
    with pytest.raises(DataError, match="celeba: wanted one of its attributes as label, Young, Smiling; got 'Bald'"):
        celeba(*small, 12, "Bald")


def test_an_altered_table_is_refused(small):
    kind, root = small
    with (root / "celeba" / "list_attr_celeba.txt").open("a") as file:
        file.write(" ")
    with pytest.raises(DataError, match=r"celeba: wanted torchvision's files in .*not found or corrupted"):
        celeba(kind, root, 12)


def test_a_missing_image_is_refused_when_it_is_decoded(small):
    kind, root = small
    (root / "celeba" / "img_align_celeba" / NAMES[2]).unlink()
    with pytest.raises(DataError, match=f"{NAMES[2]}: wanted a readable image"):
        celeba(kind, root, 12).decoded()


def test_missing_files_say_how_to_get_them(tmp_path):
    with pytest.raises(DataError, match=f'"celeba:{tmp_path}.download"'):
        celeba(CelebA, tmp_path, 12)
    assert list(tmp_path.iterdir()) == []


def test_others_may_be_attributes_and_only_those_that_were_asked_for(small):
    data = celeba(*small, 12, attributes=("Young",)).decoded()
    assert data.attribute_names == ("Young",)
    assert data.train.attributes.tolist() == [[(YOUNG[row] + 1) // 2] for row in [0, 1, 4, 7, 3, 6]]
    assert data.test.attributes.tolist() == [[1], [0]]
    assert list(data.columns) == ["identity"]
    assert celeba(*small, 12).decoded().train.attributes is None
    for wrong, message in (("Smiling", "beside the class"), ("Bald", "its columns are identity")):
        with pytest.raises(DataError, match=message):
            celeba(*small, 12, attributes=(wrong,))
