"""A deployed node whose site file names images works on those, and on the study's own where it names none."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from flwr.app import Context, Message, RecordDict, UserConfigValue
from PIL import Image

from dpm_flower.apps.client import app as client_app
from dpm_flower.core.errors import DataError, PeerError
from dpm_flower.core.labelled import Labelled
from dpm_flower.core.partition import Shares
from dpm_flower.core.study import Study
from dpm_flower.data.division import Division
from dpm_flower.federation import own_data
from dpm_flower.federation.in_process_grid import InProcessGrid
from dpm_flower.federation.judged_on import IMAGES, TRIVIAL, JudgedOn, judged_on, read_judged_on
from dpm_flower.federation.opening import division_of, open_task
from dpm_flower.federation.own_data import Pieces, brought, own_digest
from dpm_flower.federation.wire import IDENTIFY, Request, read_reply, request_records
from dpm_flower.regime.site_file import DataName, DataPlace
from tests.small_study import STUDY

NAMES = ("benign", "malignant", "unclear")


def archive(path: Path, names: tuple[str, ...] = NAMES, train: int = 45, test: int = 12, seed: int = 0, side: int = 12) -> Path:
    """An archive of made-up images, their classes in turns."""
    rng = np.random.default_rng(seed)
    arrays = {
        f"x_{part}": rng.integers(0, 255, (count, side, side, 3), dtype=np.uint8) for part, count in (("train", train), ("test", test))
    }
    numbers = {f"y_{part}": np.arange(count) % len(names) for part, count in (("train", train), ("test", test))}
    np.savez(path, **arrays, **numbers, class_names=np.array(names))
    return path


def folder_of(path: Path, names: tuple[str, ...], images: int = 10, seed: int = 1, side: int = 20) -> Path:
    """A folder with a folder of made-up pictures for each class, and no test set."""
    rng = np.random.default_rng(seed)
    for name in names:
        (path / name).mkdir(parents=True)
        for number in range(images):
            Image.fromarray(rng.integers(0, 255, (side, side, 3), dtype=np.uint8)).save(path / name / f"{number}.png")
    return path


def site_file(folder: Path, entity: str, data: str) -> dict[str, UserConfigValue]:
    """A node's config, whose site file has these lines in its section data."""
    sections = {
        "identity": 'folder = "identity"',
        "trust": 'roster = "roster.toml"\nlock = "roster.lock"\nca = "ca.crt"',
        "exchange": 'listen = "127.0.0.1:0"\ncertificate = "tls.crt"',
        "flower": 'superlink = "127.0.0.1:1"\nroot_certificates = "superlink.crt"',
        "policy": f"studies = {json.dumps([STUDY.name])}",
    } | ({"data": data} if data else {})
    text = f'entity = "{entity}"\nfolder = "store"\n' + "".join(f"[{name}]\n{content}\n" for name, content in sections.items())
    (folder / "site.toml").write_text(text)
    return {"site": str(folder / "site.toml")}


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """A study of three classes whose data has names for them."""
    data = archive(tmp_path / "study.npz", train=90)
    return replace(STUDY, data=str(data), partition=Shares(entities=(("a", 0.5), ("b", 0.5)), public=0.4, validation=0.2))


def _divided(study: Study, seed: int = 0) -> Callable[[], Division]:
    return lambda: division_of(study.data, study.side, study.partition, seed)


def _never() -> Division:
    raise AssertionError("the study's own data were asked for")


def _context(output: Path, node: dict[str, UserConfigValue]) -> Context:
    config: dict[str, UserConfigValue] = {"study": "tests.small_study:STUDY", "data": "", "seeds": "", "output": str(output)}
    return Context(1, 2, node, RecordDict(), config)


def test_own_images_take_the_place_of_the_studys_and_public_ones_stay(study: Study, tmp_path: Path) -> None:
    place = DataPlace(images=DataName(str(archive(tmp_path / "own.npz", seed=7))))
    pieces, division = brought(place, study, "a", 0, _divided(study)), _divided(study)()
    with np.load(tmp_path / "own.npz") as own:
        assert np.array_equal(pieces.test.images.permute(0, 2, 3, 1).numpy(), own["x_test"])
        assert {image.tobytes() for image in own["x_train"]} == {
            image.numpy().tobytes() for part in (pieces.train, pieces.validation) for image in part.images.permute(0, 2, 3, 1)
        }
    assert (len(pieces.train), len(pieces.validation)) == (36, 9)
    assert torch.equal(pieces.public.images, division.public.images)


def test_images_are_brought_to_the_studys_side_and_names_to_its_numbers(study: Study, tmp_path: Path) -> None:
    place = DataPlace(images=DataName(str(folder_of(tmp_path / "scans", ("malignant", "unclear")))))
    pieces = brought(place, study, "b", 0, _divided(study))
    assert tuple(pieces.train.images.shape[1:]) == (3, study.side, study.side)
    assert {(part.classes, *sorted(set(part.labels.tolist()))) for part in (pieces.train, pieces.validation, pieces.test)} == {(3, 1, 2)}
    assert [len(part) for part in (pieces.train, pieces.validation, pieces.test)] == [13, 3, 4]


def test_a_class_that_the_study_does_not_have_is_refused_with_both(study: Study, tmp_path: Path) -> None:
    place = DataPlace(images=DataName(str(folder_of(tmp_path / "scans", ("benign", "naevus")))))
    with pytest.raises(DataError, match="wanted images of the study's classes, benign, malignant, unclear, got also images of naevus"):
        brought(place, study, "a", 0, _divided(study))


def test_a_site_may_call_the_classes_otherwise_in_the_studys_order(study: Study, tmp_path: Path) -> None:
    images = DataName(str(folder_of(tmp_path / "scans", ("boesartig", "gutartig"))))
    pieces = brought(DataPlace(images=images, classes=("gutartig", "boesartig", "unklar")), study, "a", 0, _divided(study))
    assert set(pieces.train.labels.tolist()) == {0, 1}
    with pytest.raises(DataError, match="a name for each of the study's classes, benign, malignant, unclear, got gutartig, boesartig"):
        brought(DataPlace(images=images, classes=("gutartig", "boesartig")), study, "a", 0, _divided(study))


def test_with_public_images_and_names_of_its_own_a_site_needs_no_data_of_the_studys(study: Study, tmp_path: Path) -> None:
    images = DataName(str(archive(tmp_path / "own.npz", seed=7)))
    public = DataName(str(folder_of(tmp_path / "public", ("x", "y"), images=6)))
    pieces = brought(DataPlace(images=images, public=public, classes=NAMES), study, "a", 0, _never)
    assert len(pieces.public) == 12  # also those that were held out where a folder has no test set
    assert pieces.train.classes == 3
    npz = DataName(str(archive(tmp_path / "public.npz", seed=8, train=15)))
    assert len(brought(DataPlace(images=images, public=npz), study, "a", 0, _divided(study)).public) == 15


@pytest.mark.parametrize(("public", "told"), [("", "has public and classes needs no data"), ("digits", "has classes needs no data")])
def test_where_the_studys_data_are_missing_a_site_is_told_what_would_do(public: str, told: str, study: Study, tmp_path: Path) -> None:
    place = DataPlace(images=DataName(str(archive(tmp_path / "own.npz"))), public=DataName(public))
    gone = replace(study, data=str(tmp_path / "gone.npz"))
    with pytest.raises(DataError, match=rf"gone\.npz.*{told}"):
        brought(place, gone, "a", 0, _divided(gone))


def test_an_opened_task_has_what_the_site_file_says(tmp_path: Path) -> None:
    digits = tuple(map(str, range(10)))
    archive(tmp_path / "own.npz", names=digits, train=50, test=21)
    node = site_file(tmp_path, "c", 'images = "own.npz"')
    task = open_task(_context(tmp_path / "run", node), "c", 0, "")
    assert (len(task.train), len(task.validation), len(task.test)) == (40, 10, 21)
    assert task.judged_apart
    (tmp_path / "rehearsal").mkdir()
    rehearsal = open_task(_context(tmp_path / "run", site_file(tmp_path / "rehearsal", "c", "")), "c", 0, "")
    assert not rehearsal.judged_apart
    assert torch.equal(rehearsal.public.images, task.public.images)
    assert not torch.equal(rehearsal.test.images[:21], task.test.images)


def _opened_anew(tmp_path: Path, campaign: str) -> None:
    """As another process opens the task: nothing is remembered."""
    own_data._own.cache_clear()
    open_task(_context(tmp_path / "run", site_file(tmp_path, "c", 'images = "own.npz"')), campaign, 0, "")


def _own(tmp_path: Path, **change: np.ndarray) -> None:
    """The archive that the site file names, with these arrays in the place of its own."""
    archive(tmp_path / "own.npz", names=tuple(map(str, range(10))), train=50, test=21)
    with np.load(tmp_path / "own.npz") as found:
        arrays = dict(found)
    np.savez(tmp_path / "own.npz", **arrays | change)


@pytest.mark.parametrize("changed", ["x_train", "x_test", "y_train", "y_test"])
def test_a_campaign_goes_on_with_the_images_that_it_began_with_or_not_at_all(changed: str, tmp_path: Path) -> None:
    _own(tmp_path)
    with np.load(tmp_path / "own.npz") as found:
        first = found[changed]
    _opened_anew(tmp_path, "c-s0")
    _own(tmp_path, **{changed: np.roll(first, 1, axis=0)})
    with pytest.raises(DataError, match="own images are others than campaign c-s0 began with"):
        _opened_anew(tmp_path, "c-s0")
    _opened_anew(tmp_path, "another")
    _own(tmp_path)  # put back, in a file of another time
    _opened_anew(tmp_path, "c-s0")


def test_a_question_outside_any_campaign_pins_nothing(tmp_path: Path) -> None:
    _own(tmp_path)
    _opened_anew(tmp_path, "")
    assert not list(tmp_path.rglob("own-images*"))


def test_who_is_asked_says_how_many_images_it_brought_and_on_what_it_judges(tmp_path: Path) -> None:
    archive(tmp_path / "own.npz", names=tuple(map(str, range(10))), train=50, test=21)
    nodes: list[dict[str, UserConfigValue]] = [site_file(tmp_path, "c", 'images = "own.npz"'), {"partition-id": 0, "num-partitions": 3}]
    grid = InProcessGrid(client_app, nodes, {"study": "tests.small_study:STUDY", "output": str(tmp_path)})
    asks = [Message(request_records(Request(campaign="c")), node, IDENTIFY) for node in grid.get_node_ids()]
    brought_own, simulated = (read_reply(reply) for reply in grid.send_and_receive(asks))
    assert (brought_own.entity, brought_own.images) == ("c", 50)
    assert read_judged_on(brought_own.quality) == JudgedOn(21, 3 / 21)
    assert read_judged_on(simulated.quality) is None


@pytest.mark.parametrize("data", ["", 'images = "own.npz"'])
def test_who_is_asked_says_whether_it_has_a_site_file_whatever_its_images_are(data: str, tmp_path: Path) -> None:
    archive(tmp_path / "own.npz", names=tuple(map(str, range(10))), train=50, test=21)
    nodes: list[dict[str, UserConfigValue]] = [site_file(tmp_path, "c", data), {"partition-id": 0, "num-partitions": 3}]
    grid = InProcessGrid(client_app, nodes, {"study": "tests.small_study:STUDY", "output": str(tmp_path)})
    asks = [Message(request_records(Request(campaign="c")), node, IDENTIFY) for node in grid.get_node_ids()]
    assert [read_reply(reply).deployed for reply in grid.send_and_receive(asks)] == [True, False]


@pytest.mark.parametrize("figures", [{IMAGES: 1.5, TRIVIAL: 0.5}, {IMAGES: 0.0, TRIVIAL: 0.5}, {IMAGES: 3.0, TRIVIAL: 1.5}, {IMAGES: 3.0}])
def test_what_nobody_can_be_judged_on_is_refused(figures: dict[str, float]) -> None:
    with pytest.raises(PeerError, match="wanted a number of test images and the share of a class"):
        read_judged_on(figures)


def test_what_an_entity_is_judged_on_travels_as_two_numbers(study: Study) -> None:
    test = _divided(study)().test
    assert read_judged_on(judged_on(test)) == JudgedOn(12, 4 / 12)


def _told(path: Path, value: int) -> Path:
    """An archive of made-up images with a column of zeros and ones, the first of which is `value`."""
    archive(path)
    with np.load(path) as found:
        arrays = dict(found)
    sexes = {f"sex_{part}": np.append(value, np.arange(len(arrays[f"y_{part}"]) - 1) % 2) for part in ("train", "test")}
    np.savez(path, **arrays, **sexes)
    return path


def test_attributes_of_own_images_are_part_of_what_a_campaign_goes_on_with(study: Study, tmp_path: Path) -> None:
    first, other = (DataPlace(images=DataName(f"{_told(tmp_path / f'{value}.npz', value)}?attributes=sex")) for value in (0, 1))
    pieces = brought(first, study, "a", 0, _divided(study))
    assert pieces.attribute_names == ("sex",)
    assert pieces.train.attributes is not None
    assert pieces.public.attributes is None
    plain = replace(pieces, **{name: Labelled(part.images, part.labels, part.classes) for name, part in vars_of(pieces).items()})
    assert len({own_digest(pieces), own_digest(plain), own_digest(brought(other, study, "a", 0, _divided(study)))}) == 3


def vars_of(pieces: Pieces) -> dict[str, Labelled]:
    """Its sets of images by name."""
    return {name: getattr(pieces, name) for name in ("train", "validation", "test", "public")}


@pytest.mark.parametrize(("public", "kept"), [("sex", True), ("label", False)])
def test_of_public_images_only_the_same_attributes_are_of_use(public: str, kept: bool, study: Study, tmp_path: Path) -> None:
    source = _told(tmp_path / "own.npz", 0)
    named = f"{source}?attributes=sex" if public == "sex" else str(source)
    place = DataPlace(images=DataName(f"{source}?attributes=sex"), public=DataName(named), classes=NAMES)
    assert (brought(place, study, "a", 0, _never).public.attributes is not None) == kept
