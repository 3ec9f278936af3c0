"""A message's context -> what its entity works with: the study, the entity's own images and its own folder."""

import copy
import functools
import importlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType

from flwr.app import Context
from flwr.app.user_config import UserConfigValue
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from dpm_flower.core.comparison import Comparison
from dpm_flower.core.compute import Compute
from dpm_flower.core.data_name import filled
from dpm_flower.core.errors import DpmFlowerError, OutputError, StudyError, TrainingError
from dpm_flower.core.partition import Partition
from dpm_flower.core.progress import Progress
from dpm_flower.core.streams import stream
from dpm_flower.core.study import Study
from dpm_flower.core.sweep import Sweep
from dpm_flower.data.division import Division, divide
from dpm_flower.data.sources import load_to_divide
from dpm_flower.exchange.shard_place import settle
from dpm_flower.federation.own_data import brought, own_digest, part_of
from dpm_flower.nets.anchor_head import head_for
from dpm_flower.nets.public_nets import PublicNets
from dpm_flower.regime.consortium import Consortium
from dpm_flower.regime.pinned_images import pin_images
from dpm_flower.regime.site import Site
from dpm_flower.regime.site_file import SiteFile, read_site_file
from dpm_flower.regime.site_secret import site_secret
from dpm_flower.regime.task import EntityTask

STUDY_NAME, SWEEP_NAME, COMPARISON_NAME = "STUDY", "SWEEP", "COMPARISON"  # what a file of simulations/ exposes


def find_experiment(name: str) -> Study | Sweep | Comparison:
    """ "package.module:NAME" -> the study, sweep or comparison there; "package.module:NAME/label" -> that variant of the sweep.

    ":NAME" may be left out where the module has one of STUDY, SWEEP and COMPARISON. Raises StudyError with what was wanted and what came.
    """
    module_name, _, path = name.partition(":")
    attribute, _, label = path.partition("/")
    try:
        module = importlib.import_module(module_name)
        experiment = getattr(module, attribute or _only_one(module))
        if label and isinstance(experiment, Sweep):
            return experiment.study(label)
    except DpmFlowerError as err:
        raise StudyError(f"the study {name} cannot be: {err}") from err
    except Exception as err:  # a study is a file that somebody writes, with every mistake that one can make
        raise StudyError(
            f'wanted a study as "package.module:NAME", for example "simulations.demo:STUDY", got {name!r}: {type(err).__name__}: {err}'
        ) from err
    if not isinstance(experiment, Study | Sweep | Comparison) or label:
        wanted = "Sweep" if label else "Study, a Sweep or a Comparison"
        raise StudyError(f"{name.partition('/')[0]} is of type {type(experiment).__name__}, not a {wanted}")
    return experiment


def _only_one(module: ModuleType) -> str:
    """What a module's name alone stands for."""
    found = [name for name in (STUDY_NAME, SWEEP_NAME, COMPARISON_NAME) if hasattr(module, name)]
    if len(found) > 1:
        raise StudyError(f"{module.__name__} has {' and '.join(found)}: name one, {module.__name__}:{found[0]} or :{found[1]}")
    return found[0] if found else STUDY_NAME


SITE = "site"  # in a node's config: the path of the site file of this machine; in a simulation, nodes have numbers


def find_study(name: str) -> Study:
    """As `find_experiment`, for a single study: a sweep is named with one of its variants. Raises StudyError."""
    experiment = find_experiment(name)
    if isinstance(experiment, Sweep):
        raise StudyError(f"{name} is a sweep; one of its studies is {name}{'' if ':' in name else f':{SWEEP_NAME}'}/{experiment.labels[0]}")
    if isinstance(experiment, Comparison):
        raise StudyError(f"{name} is a comparison, which has no entities: dpm-flower study runs it in one process, Flower does not")
    return experiment


def study_of(run_config: Mapping[str, UserConfigValue]) -> Study:
    """A run's configuration (study, data, seeds) -> the study with its overrides. Raises StudyError where it cannot be read."""
    study = find_study(str(run_config.get("study", "")))
    study = replace(study, data=filled(study.data, str(run_config.get("data", ""))))
    if seeds := str(run_config.get("seeds", "")):
        try:
            study = replace(study, seeds=tuple(int(seed) for seed in seeds.replace(",", " ").split()))
        except ValueError as err:
            raise StudyError(f'seeds are whole numbers with commas, for example "0,1,2", got {seeds!r}') from err
    return study


def output_of(run_config: Mapping[str, UserConfigValue]) -> Path:
    """A run's configuration -> the absolute folder it writes to. Raises StudyError: Flower's working folder is nobody's."""
    named = str(run_config.get("output", ""))
    if not Path(named).is_absolute():
        raise StudyError(f"wanted an absolute output folder in the run config (output='/…'), got {named!r}")
    return Path(named)


@functools.lru_cache(maxsize=4)  # a process works for several entities and seeds, on images that never change
def division_of(data: str, side: int, partition: Partition, seed: int) -> Division:
    """The study's images, divided under a seed."""
    return divide(load_to_divide(data, side), partition, seed)


def site_file_of(context: Context) -> SiteFile | None:
    """What a deployed node's site file says; None in a simulation. Raises SettingError where it cannot be read."""
    return _site_file(str(context.node_config[SITE])) if SITE in context.node_config else None


@functools.lru_cache(maxsize=1)  # a deployed client process answers one message
def _site_file(path: str) -> SiteFile:
    return read_site_file(Path(path))


def entity_name(study: Study, context: Context) -> str:
    """The entity that this node stands for: by its site file in a deployment, by partition number in a simulation. Raises StudyError."""
    names = study.partition.names
    if site_file := site_file_of(context):
        if site_file.entity not in names:
            raise StudyError(f"wanted a node that stands for one of {', '.join(names)}, got {site_file.entity!r}")
        return site_file.entity
    number = context.node_config.get("partition-id", -1)
    if not isinstance(number, int) or not 0 <= number < len(names):
        raise StudyError(f"this study has {len(names)} entities; a node with partition-id {number} stands for none of them")
    return names[number]


@dataclass(frozen=True, slots=True)
class ProgressFile:
    """Appends progress to a file, a line of JSON each: what a terminal follows while processes work elsewhere."""

    path: Path
    entity: str
    seed: int
    arm: str

    def __call__(self, progress: Progress) -> None:
        """One line. A full disk costs the line, not the training."""
        line = {"entity": self.entity, "seed": self.seed, "arm": self.arm, **{n: getattr(progress, n) for n in Progress.__slots__}}
        try:
            with self.path.open("a") as file:
                file.write(json.dumps(line) + "\n")
        except OSError:
            return


def open_task(context: Context, campaign: str, seed: int, arm: str) -> EntityTask:
    """A context and what a message asks for -> the entity's task. Raises StudyError, DataError or OutputError.

    A site's own images are those that the campaign began with; DataError for others.
    """
    study = study_of(context.run_config)
    name, site_file = entity_name(study, context), site_file_of(context)
    if site_file:
        site_file.policy.check_study(study)
    place = site_file.data if site_file else None
    division = functools.partial(division_of, study.data, study.side, study.partition, seed)
    pieces = brought(place, study, name, seed, division) if place else part_of(division(), name)
    site = site_of(context, name)
    if place and campaign:  # a harmless query is part of none
        pin_images(site, campaign, own_digest(pieces))
    return EntityTask(
        study=study,
        seed=seed,
        campaign=campaign,
        entity=name,
        train=pieces.train,
        validation=pieces.validation,
        public=pieces.public,
        test=pieces.test,
        judged_apart=place is not None,
        site=site,
        compute=Compute.choose(study.device, study.precision),
        report=ProgressFile(site.progress, name, seed, arm),
        common=None if site_file else output_of(context.run_config) / "common",
        secret=site_secret(site.secret) if site_file else "",
        policy=site_file.policy if site_file else None,
        peer=None if site_file else division().entities.largest_but(name),
        attribute_names=pieces.attribute_names,
    )


def site_of(context: Context, name: str) -> Site:
    """The entity's own folder: its site file's, or one below the run's folder. Raises OutputError where it cannot be made.

    Raises PoolError for a site whose file names another store than the one in which its pool's shards lie.
    """
    site_file = site_file_of(context)
    site = Site(site_file.folder) if site_file else Consortium(output_of(context.run_config)).site(name)
    try:
        site.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as err:
        raise OutputError(f"cannot make the folder of entity {name}, {site.folder}: {err}") from err
    if site_file:
        settle(site.pool, site_file.exchange.store)
    return site


def open_nets(task: EntityTask) -> PublicNets:
    """The pre-training broadcast that this entity adopted -> the frozen public networks, shared: copy them before changing anything.

    Raises TrainingError if the entity has adopted none.
    """
    path = task.site.nets(task.campaign)
    try:
        return _opened(path, path.stat().st_mtime_ns, task.study, task.train.classes, task.compute)
    except (OSError, SafetensorError) as err:
        raise TrainingError(f"entity {task.entity} has adopted no networks in campaign {task.campaign}: {err}") from err


@functools.lru_cache(maxsize=8)  # tracing and cutting a backbone costs a quarter of a second, and every message needs it
def _opened(path: Path, changed_ns: int, study: Study, classes: int, compute: Compute) -> PublicNets:
    """`changed_ns` is part of the key, so that another file under the same name is another network."""
    del changed_ns
    return nets_from(study, classes, compute, load_file(path))


def nets_from(study: Study, classes: int, compute: Compute, tensors: Mapping[str, Tensor]) -> PublicNets:
    """Weights -> the frozen public networks of the study's kind, on the device. Raises ReleaseError or ShapeError for others."""
    rng = stream(0, "overwritten at once")
    nets = PublicNets.assemble(study.backbone, study.hook, study.side, classes, rng, head_for(study.loss, rng))
    return nets.loaded(tensors, compute)


def changed(nets: PublicNets, tensors: Mapping[str, Tensor]) -> PublicNets:
    """A copy of the public networks in which these tensors have taken the place of those of the same names. Raises as `nets_from`."""
    copied = copy.deepcopy(nets)
    copied.load(nets.tensors() | dict(tensors))
    return copied
