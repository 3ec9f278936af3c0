"""What a client does with each kind of request: records to our types, one call of the regime, and back."""

from dataclasses import replace

import torch
from flwr.app import Context, Message
from safetensors.torch import load_file

from dpm_flower.core.arms import AveragingArm, SharingArm
from dpm_flower.core.errors import ReleaseError, StudyError
from dpm_flower.core.shared import ModelUpdate
from dpm_flower.core.study import Study
from dpm_flower.federation.judged_on import judged_on
from dpm_flower.federation.meter import Meter
from dpm_flower.federation.opening import changed, nets_from, open_nets, open_task, site_file_of
from dpm_flower.federation.standings import exchange_of, standing_of
from dpm_flower.federation.wire import Reply, Request, averaging_reply, read_averaging, read_request, reply_message
from dpm_flower.payload.released_spec import ImageSpec
from dpm_flower.regime.averaging import average_locally
from dpm_flower.regime.contribute import contribute
from dpm_flower.regime.evaluate import Evaluation, evaluate_as_received, evaluate_decider, evaluate_network
from dpm_flower.regime.pooling import PooledFeatures, PooledImages
from dpm_flower.regime.pretrain import pretrain
from dpm_flower.regime.receive import Away, Refusal, Take, receive
from dpm_flower.regime.refine import refine, refine_shared, train_network
from dpm_flower.regime.round import Round
from dpm_flower.regime.task import EntityTask
from dpm_flower.regime.vouching import check_vouched, vouch
from dpm_flower.training.checkpoint import write_tensors


def identify(message: Message, context: Context) -> Message:
    """Who this node is, whether it is a site, how many images it has under the seed, and on what it judges, if others judge otherwise."""
    request = read_request(message)
    task = open_task(context, request.campaign, request.seed, "")
    judged = judged_on(task.test) if task.judged_apart else {}
    images, deployed = len(task.train) + len(task.validation), site_file_of(context) is not None
    return reply_message(Reply(entity=task.entity, images=images, deployed=deployed, quality=judged), message)


def pretrain_networks(message: Message, context: Context) -> Message:
    """At the lead: trains the public networks and answers with their weights."""
    _, task, _ = _opened(message, context)
    _allow_update(task, "pre-training")
    made = pretrain(task)
    tensors = made.nets.tensors()
    envelope = vouch(task, tensors, standing_of(task, context))
    return reply_message(Reply(entity=task.entity, envelope=envelope, costs={"seconds": made.seconds}, tensors=tensors), message)


def adopt_networks(message: Message, context: Context) -> Message:
    """Checks the pre-training broadcast against its lead's word, keeps it, and answers with the quality of the decider as received."""
    request, task, meter = _opened(message, context)
    check_vouched(task, request.tensors, request.claims, standing_of(task, context))
    nets = nets_from(task.study, task.train.classes, task.compute, request.tensors)
    write_tensors(task.site.nets(task.campaign), nets.tensors())
    evaluation = evaluate_as_received(task, nets)
    return reply_message(_evaluated(task, evaluation, meter), message)


def contribute_release(message: Message, context: Context) -> Message:
    """Fits one sharing method and publishes its release in the own pool; answers with the envelope."""
    request, task, meter = _opened(message, context)
    method = task.study.methods[request.method]
    made = contribute(task, open_nets(task), method, request.method, standing_of(task, context).notary())
    costs = {**made.costs, **meter.memory}
    return reply_message(Reply(entity=task.entity, envelope=made.envelope, quality=made.quality, costs=costs), message)


def refine_decider(message: Message, context: Context) -> Message:
    """Fetches and verifies the peers' releases and refines the own decider (or trains the whole network on images)."""
    request, task, meter = _opened(message, context)
    arm = _sharing_arm(task.study, request.arm)
    if arm.refine == "network":
        images = PooledImages(task)
        refused = _receive(task, context, arm, request, images.take)
        train_network(task, arm, images.examples)
    else:
        with _pooled(task, arm) as pooled:
            refused = _receive(task, context, arm, request, pooled.take)
            refine(task, open_nets(task), arm, pooled.examples)
    costs = meter.seconds | meter.memory
    return reply_message(Reply(entity=task.entity, refused=refused, away=_away(refused), costs=costs), message)


def refine_shared_decider(message: Message, context: Context) -> Message:
    """One round of the shared decider; answers with this entity's update."""
    request, task, meter = _opened(message, context)
    arm = _sharing_arm(task.study, request.arm)
    _allow_update(task, arm.name)
    with _pooled(task, arm) as pooled:
        refused = _receive(task, context, arm, request, pooled.take)
        update = refine_shared(task, open_nets(task), arm, pooled.examples, request.tensors, Round(request.round, request.rounds))
    costs = meter.seconds | {"bytes_sent": float(_size_bytes(update))} | meter.memory
    reply = Reply(entity=task.entity, images=update.samples, refused=refused, away=_away(refused), costs=costs, tensors=update.tensors)
    return reply_message(reply, message)


def evaluate_arm(message: Message, context: Context) -> Message:
    """Quality of what an arm came to: of the weights in the request, or of those in the own folder if it has none."""
    request, task, meter = _opened(message, context)
    arm, nets = task.study.arm(request.arm), open_nets(task)
    state = dict(request.tensors) or load_file(task.site.decider(task.campaign, arm.name))
    if (arm.part if isinstance(arm, AveragingArm) else arm.refine) == "network":
        evaluation = evaluate_network(task, changed(nets, state))
    else:
        evaluation = evaluate_decider(task, nets, state)
    return reply_message(_evaluated(task, evaluation, meter), message)


def train_averaging(message: Message, context: Context) -> Message:
    """One local round of Flower's own FedAvg or FedProx, on the whole network or on the decider."""
    asked = read_averaging(message)
    task = open_task(context, asked.campaign, asked.seed, asked.arm)
    meter = Meter.start()
    arm = task.study.arm(asked.arm)
    _allow_update(task, arm.name)
    if not isinstance(arm, AveragingArm):
        raise StudyError(f"wanted an averaging arm, got {asked.arm!r}")
    update = average_locally(task, open_nets(task), arm, asked.tensors, asked.proximal_mu, Round(asked.round, arm.rounds))
    costs = meter.seconds | {"bytes_sent": float(_size_bytes(update))} | meter.memory
    return averaging_reply(update, costs, message)


def _opened(message: Message, context: Context) -> tuple[Request, EntityTask, Meter]:
    """The request, the entity's task, and a meter that was started when its images were there: a process loads them once for all arms."""
    request = read_request(message)
    task = open_task(context, request.campaign, request.seed, request.arm)
    return request, task, Meter.start()


def _allow_update(task: EntityTask, what: str) -> None:
    """Raises PolicyError where the site lets no weights leave that were trained on its images."""
    if task.policy:
        task.policy.check_update(what)


def _sharing_arm(study: Study, name: str) -> SharingArm:
    arm = study.arm(name)
    if not isinstance(arm, SharingArm):
        raise StudyError(f"wanted a sharing arm, got {name!r}")
    return arm


def _pooled(task: EntityTask, arm: SharingArm) -> PooledFeatures:
    with task.threads():
        return PooledFeatures(task, open_nets(task), arm.name)


def _receive(task: EntityTask, context: Context, arm: SharingArm, request: Request, take: Take) -> tuple[Refusal, ...]:
    """The releases whose envelopes are in the request -> `take`; answers with (sender, reason) of those refused."""
    side = task.study.side
    spec = ImageSpec(shape=(3, side, side)) if arm.refine == "network" else replace(open_nets(task).spec, codec=arm.codec)
    standing = standing_of(task, context)
    exchange = exchange_of(task, context, standing)
    refused = receive(task, request.claims, spec, standing.notary(), exchange, take, method=arm.method.name)
    if refused and len(refused) == len({sender for sender, _ in request.claims} - {task.entity}):
        raise ReleaseError(f"no release of a peer could be used: {'; '.join(f'{sender}: {reason}' for sender, reason in refused)}")
    return refused


def _away(refused: tuple[Refusal, ...]) -> tuple[str, ...]:
    return tuple(one.sender for one in refused if isinstance(one, Away))


def _evaluated(task: EntityTask, evaluation: Evaluation, meter: Meter) -> Reply:
    """Which images were answered rightly is said of common ones only: of own images, by themselves, they would compare with nobody's."""
    correct = {} if task.judged_apart else {"correct": evaluation.correct.to(torch.uint8)}
    return Reply(entity=task.entity, quality=evaluation.quality, costs=meter.seconds, tensors=correct)


def _size_bytes(update: ModelUpdate) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in update.tensors.values())
