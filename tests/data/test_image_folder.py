import numpy as np
import pytest
import torch
from PIL import Image

from dpm_flower.core.errors import DataError
from dpm_flower.data.image_folder import image_folder as listed_folder


def image_folder(folder, side, apart=""):
    return listed_folder(folder, side, apart).decoded()


def write(path, seed, size=(12, 12)):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return pixels


@pytest.fixture
def split(tmp_path):
    for row, (part, name) in enumerate((part, name) for part in ("train", "test") for name in ("cat", "dog")):
        for number in range(3):
            write(tmp_path / part / name / f"{number}.png", 10 * row + number)
    return tmp_path


def test_a_ready_split_is_read_as_it_is(split):
    data = image_folder(split, 12)
    assert data.class_names == ("cat", "dog")
    assert data.name == split.name
    assert data.notes == ()
    assert data.train.labels.tolist() == data.test.labels.tolist() == [0, 0, 0, 1, 1, 1]
    pixels = np.asarray(Image.open(split / "test" / "dog" / "1.png"))
    assert np.array_equal(data.test.images[4].numpy().transpose(1, 2, 0), pixels)


def test_the_test_folder_may_be_called_val(split):
    expected = image_folder(split, 12).test.images
    (split / "test").rename(split / "val")
    assert torch.equal(image_folder(split, 12).test.images, expected)


@pytest.mark.parametrize(("train", "test"), [("Training", "Testing"), ("TRAIN", "valid"), ("train_set", "dev")])
def test_parts_by_other_names_are_parts_and_no_classes(split, train, test):
    expected = image_folder(split, 12)
    (split / "train").rename(split / train)
    (split / "test").rename(split / test)
    data = image_folder(split, 12)
    assert data.class_names == ("cat", "dog")
    assert torch.equal(data.train.images, expected.train.images)
    assert torch.equal(data.test.images, expected.test.images)
    assert data.held_out_by is None


def test_a_folder_that_is_no_part_is_passed_over_and_named(split):
    write(split / "masks" / "cat" / "0.png", 5)
    data = image_folder(split, 12)
    assert (len(data.train), len(data.test)) == (6, 6)
    assert data.notes == ("the folder masks was passed over: it is no part of the data set",)


def test_parts_without_a_training_part_are_refused(split):
    (split / "train").rename(split / "validation")
    with pytest.raises(DataError, match=r"wanted FOLDER/train/CLASS/IMAGE .*got the folders \['test', 'validation'\]"):
        image_folder(split, 12)


def test_val_beside_test_is_appended_to_train(split):
    write(split / "val" / "dog" / "0.png", 99)
    data = image_folder(split, 12)
    assert (len(data.train), len(data.test)) == (7, 6)
    assert data.train.labels[-1] == 1
    assert "1 images of the folder val" in data.notes[0]


def test_without_a_test_folder_a_stratified_fifth_is_held_out(tmp_path):
    for number in range(15):
        write(tmp_path / "cat" / "deeper" / f"{number}.png", number)
    for number in range(10):
        write(tmp_path / "dog" / f"{number}.PNG", 100 + number)
    (tmp_path / "dog" / "notes.txt").write_text("passed over")
    (tmp_path / ".hidden").mkdir()
    data = image_folder(tmp_path, 12)
    assert torch.bincount(data.test.labels).tolist() == [3, 2]
    assert torch.bincount(data.train.labels).tolist() == [12, 8]
    pictures = {image.numpy().tobytes() for image in torch.cat((data.train.images, data.test.images))}
    assert len(pictures) == 25
    assert "stratified fifth, 5 images, was held out image by image" in data.notes[0]
    assert data.held_out_by == ""
    assert torch.equal(image_folder(tmp_path, 12).test.images, data.test.images)


def test_too_few_images_to_hold_one_out_are_refused_as_that(tmp_path):
    for name in ("cat", "dog"):
        write(tmp_path / name / "1.png", 0)
    with pytest.raises(DataError, match="wanted at least one test image, got none"):
        image_folder(tmp_path, 12)


def test_a_class_without_images_is_refused(split):
    (split / "train" / "eel").mkdir()
    with pytest.raises(DataError, match="got none of eel"):
        image_folder(split, 12)


def test_a_test_class_that_is_not_trained_is_refused(split):
    write(split / "test" / "eel" / "0.png", 1)
    with pytest.raises(DataError, match="got also eel"):
        image_folder(split, 12)


def test_an_empty_test_folder_is_refused(split):
    for path in (split / "test").rglob("*.png"):
        path.unlink()
    with pytest.raises(DataError, match="got no images"):
        image_folder(split, 12)


def test_other_layouts_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"FOLDER/CLASS/IMAGE with at least two classes, .* got the folders \[\]"):
        image_folder(tmp_path, 12)
    write(tmp_path / "train" / "cat" / "0.png", 0)
    with pytest.raises(DataError, match=r"got the folders \['train'\]"):
        image_folder(tmp_path, 12)
    with pytest.raises(DataError, match="wanted a folder of images"):
        image_folder(tmp_path / "none", 12)


def test_columns_belong_to_their_images(split):
    lines = [f"{path.relative_to(split).as_posix()},{path.parent.name}-{path.stem}" for path in split.rglob("*.png")]
    (split / "columns.csv").write_text("\n".join(["file_name,animal", *sorted(lines, reverse=True)]))
    column = image_folder(split, 12).columns["animal"]
    assert column.train == column.test == ("cat-0", "cat-1", "cat-2", "dog-0", "dog-1", "dog-2")


def test_a_column_may_be_the_class(split):
    lines = [f"{path.relative_to(split).as_posix()},{int(path.stem) % 2}" for path in split.rglob("*.png")]
    (split / "metadata.csv").write_text("\n".join(["file_name,odd", *lines]))
    data = listed_folder(split, 12).labelled_by("odd").decoded()
    assert data.class_names == ("0", "1")
    assert data.train.labels.tolist() == data.test.labels.tolist() == [0, 1, 0, 0, 1, 0]
    assert torch.equal(data.train.images, image_folder(split, 12).train.images)
    with pytest.raises(DataError, match="wanted a column 'even' as label, got the columns odd"):
        listed_folder(split, 12).labelled_by("even")


def test_images_of_a_folder_that_is_linked_to_are_found(split, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    write(elsewhere / "far.png", 77)
    (split / "train" / "dog" / "more").symlink_to(elsewhere, target_is_directory=True)
    assert len(image_folder(split, 12).train) == 7


def owned(folder, owner_of):
    """Two classes of 15 images, without a test set; `owner_of` says whose an image is by its class and number."""
    lines = ["file_name,owner"]
    for name in ("cat", "dog"):
        for number in range(15):
            write(folder / name / f"{number}.png", 100 * (name == "dog") + number)
            lines.append(f"{name}/{number}.png,{owner_of(name, number)}")
    (folder / "columns.csv").write_text("\n".join(lines))
    return folder


def test_whole_values_are_held_out_where_they_are_to_be_apart(tmp_path):
    folder = owned(tmp_path, lambda name, number: f"{name} {number // 3}")
    torn, whole = image_folder(folder, 12), image_folder(folder, 12, "owner")
    assert {*torn.columns["owner"].train} & {*torn.columns["owner"].test}
    assert not {*whole.columns["owner"].train} & {*whole.columns["owner"].test}
    assert (len(whole.train), len(whole.test)) == (24, 6)
    assert torch.bincount(whole.test.labels).tolist() == [3, 3]
    assert whole.held_out_by == "owner"
    assert "held out in whole values of 'owner'" in whole.notes[0]
    assert torch.equal(image_folder(folder, 12, "owner").test.images, whole.test.images)


@pytest.mark.parametrize(
    ("owner_of", "apart", "message"),
    [
        (lambda name, number: "x", "keeper", "wanted a column 'keeper' to hold out whole values of, got the columns owner"),
        (lambda name, number: "x", "owner", "wanted at least 2 values of 'owner', one of them to hold out, got 1"),
        (lambda name, number: number or "", "owner", "'owner': wanted a value for every image, got none .* for 2 of 30 training images"),
    ],
)
def test_values_that_cannot_be_held_out_are_refused(tmp_path, owner_of, apart, message):
    with pytest.raises(DataError, match=message):
        image_folder(owned(tmp_path, owner_of), 12, apart)


def test_values_apart_are_refused_where_there_is_a_test_set(split):
    with pytest.raises(DataError, match="wanted apart=owner for a folder without a test set, got train and test"):
        image_folder(split, 12, "owner")
