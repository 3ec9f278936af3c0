"""What is private to one entity is nowhere but with that entity; and a run that leaks on purpose is caught, leak by leak.

Two runs are clean, a deployment and a simulation, and one leaks. The deployment has what deployments have, in one process: site
files, keys and folders of each site's own, releases encrypted for the roster's members, exchanges over gRPC. Marked are the lead's
images, their unpoisoned features, its private modules and its private keys. Searched is everything that anybody else has.

The data set's file is not searched: every process of a run on one machine reads its entity's images from it, as a site reads its own.
Of the exchange's traffic what is searched is what arrived, opened with the keys of whom it was for.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import pytest
import torch
from flwr.app import Context, Message
from safetensors.torch import load_file

from dpm_flower.apps.client import app as client_app
from dpm_flower.core.compute import Compute
from dpm_flower.federation.opening import division_of, find_study, nets_from
from dpm_flower.studies.owners_pictures import pictures_of
from dpm_flower.studies.report import write_report
from dpm_flower.studies.results_files import read_results
from tests.canary.captured_modules import States, captured_modules
from tests.canary.feature_marker import FeatureMarker, features_of
from tests.canary.image_marker import ImageMarker
from tests.canary.key_marker import KeyMarker
from tests.canary.leaking_app import LeakingApp
from tests.canary.marked_data import write_marked_data
from tests.canary.marked_study import MARKED, OTHER
from tests.canary.marked_world import World, run
from tests.canary.recording_grid import RecordingGrid
from tests.canary.released_content import opened_releases
from tests.canary.search import Finding, Marker, kinds, search
from tests.canary.unpacking import Content, files_below
from tests.canary.weight_marker import WeightMarker

STUDIES = "tests.canary.marked_study:"


@dataclass(frozen=True, slots=True)
class Ran:
    """A run that is over: where it lies, what its grid carried, and the marked entity's markers."""

    world: World
    grid: RecordingGrid
    markers: Sequence[Marker]

    def what_others_have(self) -> Iterator[Content]:
        """Everything but the marked entity's own folder; and what it released, as its recipients open it."""
        world, roster = self.world, self.world.consortium.roster
        yield from self.grid.contents()
        yield from (content for content in files_below(world.folder) if not self._is_own(content))
        for reader in (OTHER, MARKED):  # what nobody has fetched yet lies in the sender's pool, for everybody to fetch
            yield from opened_releases(world.site(reader), roster, sender=MARKED, reader=reader)

    def what_it_keeps(self) -> Iterator[Content]:
        """The marked entity's own folder."""
        return (content for content in files_below(self.world.folder) if self._is_own(content))

    def _is_own(self, content: Content) -> bool:
        return content.where.startswith(f"{self.world.site(MARKED).folder.relative_to(self.world.folder.parent)}/")


def _ran(world: World, app_of: Callable[[States], Callable[[Message, Context], Message]] = lambda _: client_app) -> Ran:
    with captured_modules() as modules:
        grid = run(world, app_of(modules))
    site, study = world.site(MARKED), find_study(world.study_name)
    own = division_of(str(world.data), study.side, study.partition, study.seeds[0]).entities[MARKED]
    [adopted] = site.folder.glob("*/nets.safetensors")
    nets = nets_from(study, own.train.classes, Compute.choose(study.device, study.precision), load_file(adopted))
    features = features_of(nets.featurizer, torch.cat((own.train.images, own.validation.images)))
    weights, keys = WeightMarker(modules), KeyMarker(site)
    assert len(weights.needles) > 20, "no module was captured"
    assert len(keys.needles) > 30, "keys are missing"
    return Ran(world, grid, (ImageMarker(), FeatureMarker(features), weights, keys))


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """The marked entity is the larger one, of which a simulation's report would show pictures."""
    data = write_marked_data(tmp_path_factory.mktemp("data"), marked=40, others=30)
    return _ran(World(tmp_path_factory.mktemp("deployment"), f"{STUDIES}STUDY", data))


@pytest.fixture(scope="module")
def simulation(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """Its report shows pictures of the larger entity by design: the marked one is the smaller one."""
    data = write_marked_data(tmp_path_factory.mktemp("data"), marked=30, others=40)
    return _ran(World(tmp_path_factory.mktemp("simulation"), f"{STUDIES}ONE_ARM", data, deployment=False))


@pytest.fixture(scope="module")
def leaks(tmp_path_factory: pytest.TempPathFactory) -> list[Finding]:
    """What is found after a run in which the marked entity leaks in every way that follows below."""
    data = write_marked_data(tmp_path_factory.mktemp("data"), marked=30, others=40)
    world = World(tmp_path_factory.mktemp("leaky"), f"{STUDIES}LEAKY", data)
    ran = _ran(world, lambda modules: LeakingApp(world.site(MARKED), modules))
    _show_pictures(world)
    return search(ran.what_others_have(), ran.markers)


def _show_pictures(world: World) -> None:
    """The server's report with the marked entity's pictures."""
    [adopted] = world.site(MARKED).folder.glob("*/nets.safetensors")
    shown = pictures_of(find_study(world.study_name), adopted.parent.name, world.site(MARKED).folder.parent, MARKED)
    write_report(world.output, read_results(world.output), tuple(shown)[-1:])


def test_a_deployment_has_nothing_of_an_entity_anywhere_but_with_it(deployment: Ran) -> None:
    assert search(deployment.what_others_have(), deployment.markers) == []
    assert deployment.grid.errors == []
    assert {"reply train.contribute", "reply train.refine", "reply train.refine_shared", "reply train"} <= deployment.grid.kinds
    assert not list(deployment.world.output.glob("figures/*.png")), "pictures in a deployment, be they of whom they may"


def test_a_simulation_keeps_entities_apart_too_its_common_cache_among_it(simulation: Ran) -> None:
    assert list((simulation.world.output / "common" / "features").iterdir())
    assert search(simulation.what_others_have(), simulation.markers) == []


def test_the_markers_are_alive_with_their_owner_who_has_no_module_any_more(deployment: Ran) -> None:
    found = search(deployment.what_it_keeps(), deployment.markers)
    assert kinds(found) == {"images", "features", "private keys"}
    names = {finding.form for finding in found if finding.kind == "private keys"}
    assert names == {"ed25519", "ml-dsa-65", "ml-kem-768", "x25519", "tls", "node", "site secret"}
    assert {finding.where.split("/")[-2] for finding in found if finding.kind == "features"} == {"features"}


def test_what_was_released_could_be_read(deployment: Ran) -> None:
    """Else nothing would be found in it whatever it were."""
    for reader in (MARKED, OTHER):
        opened = list(opened_releases(deployment.world.site(reader), deployment.world.consortium.roster, sender=MARKED, reader=reader))
        assert opened
        assert all("aes-256-gcm" in content.where and b'"features"' in content.data for content in opened)


@pytest.mark.parametrize(
    ("kind", "place"),
    [
        pytest.param("features", f"release 0 of {MARKED} in the pool of {OTHER}", id="raw features released as poisoned ones"),
        pytest.param("images", f"release 1 of {MARKED} in the pool of {OTHER}", id="pixels among the features of a release"),
        pytest.param("images", f"release 2 of {MARKED} in the pool of {OTHER}", id="raw images released as poisoned features"),
        pytest.param("module weights", "reply train.contribute", id="weights of the module in a reply"),
        pytest.param("private keys", "process.log", id="a key in a line of the log"),
        pytest.param("private keys", "reply evaluate.decider: error", id="a key in the reason of an error"),
        pytest.param("features", "server/common/", id="features in a cache of all"),
        pytest.param("images", "report.html > ", id="pictures in the server's report"),
    ],
)
def test_a_leak_is_caught(leaks: list[Finding], kind: str, place: str) -> None:
    assert any(finding.kind == kind and place in finding.where for finding in leaks), sorted({(f.kind, f.where[:90]) for f in leaks})


def test_what_a_leaking_run_does_not_leak_is_not_found_in_it(leaks: list[Finding]) -> None:
    assert not [finding for finding in leaks if "release 3" in finding.where]
    assert kinds(finding for finding in leaks if "process.log" in finding.where) == {"private keys"}
    assert kinds(finding for finding in leaks if "release 0" in finding.where) == {"features"}
