import copy
import gc
import json
import weakref
from dataclasses import dataclass, field, replace

import pytest
import torch
from safetensors.torch import load_file

from dpm_flower.attacks.other_reconstructor import OtherReconstructor
from dpm_flower.attacks.scoring import disclosure
from dpm_flower.core.errors import OutputError, PoolError, ReleaseError
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.labelled import as_floats
from dpm_flower.core.protocols import Guess
from dpm_flower.core.shared import ModelUpdate, SharedFeatures
from dpm_flower.core.split_net import Decider
from dpm_flower.core.streams import stream
from dpm_flower.exchange.pool import Pool
from dpm_flower.methods.deep_poisoning import DeepPoisoning
from dpm_flower.methods.nothing import Nothing
from dpm_flower.methods.perturbed import PerturbedFeatures
from dpm_flower.methods.raw_features import RawFeatures
from dpm_flower.methods.raw_images import RawImages
from dpm_flower.payload.codec import decode
from dpm_flower.payload.content import content
from dpm_flower.payload.envelope import Envelope
from dpm_flower.payload.released_spec import ImageSpec
from dpm_flower.regime.contribute import contribute
from dpm_flower.training.perturbation import GaussianNoise
from dpm_flower.training.prediction import apply
from dpm_flower.training.supervised import Examples, train_classifier
from tests.methods.preparations import preparation
from tests.regime.examples import FEW, NETS, POISONING, STUDY, files, notary, task
from tests.training.toys import CPU, SIDE, pictures, public_nets


@dataclass(frozen=True)
class Watched:
    """Deep Poisoning, with a note of each preparation and weak references to what it made."""

    inner: DeepPoisoning = POISONING
    name: str = "watched"
    sharers: list = field(default_factory=list, repr=False, compare=False)
    weights: list = field(default_factory=list, repr=False, compare=False)

    def prepare(self, preparation):
        sharer = self.inner.prepare(preparation)
        self.sharers.append(weakref.ref(sharer.module))
        self.weights.append([tensor.numpy().tobytes() for tensor in sharer.module.state_dict().values() if tensor.numel() > 8])
        return sharer


def released(one, made, spec=NETS.spec):
    """The batch that a peer would decode from the pool of a task's entity."""
    release = notary().verify(Envelope.from_bytes(made.envelope.encode()), one, one.entity, spec)
    pool = Pool(one.site.pool)
    pool.check(release)
    assert pool.digests() == [release.digest]
    shards = list(content(release, pool.shards(release)))
    return decode(shards, spec, classes=release.manifest.classes, samples=release.manifest.samples), release.manifest


def test_a_second_contribution_is_the_first_and_nothing_is_fitted_again(tmp_path):
    one, method = task(tmp_path), Watched()
    first = contribute(one, NETS, method, 4, notary())
    before = files(tmp_path)
    second = contribute(one, NETS, method, 4, notary())
    assert second == first
    assert len(method.sharers) == 1
    assert files(tmp_path) == before


def test_other_methods_and_campaigns_make_releases_of_their_own(tmp_path):
    one = task(tmp_path)
    made = [
        contribute(one, NETS, POISONING, 0, notary()),
        contribute(one, NETS, replace(POISONING, weight=2.0), 1, notary()),
        contribute(task(tmp_path, campaign="c-1"), NETS, POISONING, 0, notary()),
    ]
    assert len({contribution.envelope for contribution in made}) == 3
    assert len(Pool(one.site.pool).digests()) == 3


def test_the_release_in_the_pool_is_what_the_envelope_says(tmp_path):
    one = task(tmp_path)
    made = contribute(one, NETS, POISONING, 4, notary())
    batch, manifest = released(one, made)
    assert torch.equal(batch.labels, one.train.labels)
    # from the same stream the same module: what was released is what it makes, in half precision
    sharer = POISONING.prepare(preparation_of(one))
    wanted = sharer.share(one.train.images, one.train.labels).features
    torch.testing.assert_close(batch.features, wanted.half().float(), rtol=0, atol=0)
    assert (manifest.sender, manifest.campaign, manifest.sequence, manifest.method) == ("a", "c-0", 4, "deep-poisoning")
    assert (manifest.samples, manifest.classes) == (len(one.train), 3)
    assert manifest.audit == {f"A0.{name}": made.quality[name] for name in ("ssim_p", "windowed_ssim_p", "structure_p")}
    assert made.costs["bytes_sent"] == manifest.size_bytes > 0
    assert made.costs["seconds"] > 0


def preparation_of(one):
    return replace(preparation(), private=one.train, rng=one.stream("method", repr(POISONING)))


def test_the_figures_are_those_of_the_release_as_it_leaves(tmp_path):
    one = task(tmp_path)
    made = contribute(one, NETS, POISONING, 0, notary())
    batch, _ = released(one, made)

    def slow_ssim(features):
        return float(disclosure(one.train.images, Guess(apply(NETS.reconstructor, features, CPU))).ssim.mean())

    assert made.quality["ssim_p"] == pytest.approx(slow_ssim(batch.features), abs=1e-6)
    assert made.quality["ssim_z"] == pytest.approx(slow_ssim(apply(NETS.featurizer, one.train.images, CPU)), abs=1e-6)


def deciding_nets():
    """Public networks whose decider has learnt to tell the classes apart."""
    nets, data = public_nets(), pictures(48)
    examples = Examples(apply(nets.featurizer, data.images, CPU), data.labels)
    fitting = Fitting(steps=60, batch_size=16, learning_rate=0.03)
    train_classifier(nets.decider.requires_grad_(True), examples, fitting, compute=CPU, rng=stream(0, "d"), work="decider")
    return nets.frozen()


def test_the_decider_is_asked_about_held_out_images_raw_and_as_they_would_be_released(tmp_path):
    one, nets = task(tmp_path), deciding_nets()
    made = contribute(one, nets, POISONING, 0, notary())
    sharer = POISONING.prepare(replace(preparation_of(one), net=nets))
    for name, features in (
        ("z", apply(nets.featurizer, one.test.images, CPU)),
        ("p", sharer.share(one.test.images, one.test.labels).features),
    ):
        answers = nets.decider(features).argmax(1)
        assert made.quality[f"top1_{name}"] == pytest.approx(float((answers == one.test.labels).float().mean()))
    assert made.quality["top1_z"] != made.quality["top1_p"]


@pytest.mark.parametrize("method", [RawFeatures(), RawImages()])
def test_raw_releases_change_nothing_for_the_decider(tmp_path, method):
    one = task(tmp_path)
    made = contribute(one, NETS, method, 0, notary())
    assert made.quality["top1_p"] == made.quality["top1_z"]


def test_raw_images_are_released_as_images(tmp_path):
    one = task(tmp_path)
    made = contribute(one, NETS, RawImages(), 0, notary())
    batch, manifest = released(one, made, ImageSpec(shape=(3, SIDE, SIDE)))
    assert manifest.kind == "images"
    torch.testing.assert_close(as_floats(batch.images), one.train.images, rtol=0, atol=0.5 / 255 + 1e-6)
    assert made.quality["ssim_p"] > 0.99


def test_who_shares_nothing_publishes_nothing(tmp_path):
    one = task(tmp_path)
    made = contribute(one, NETS, Nothing(), 0, notary())
    assert (made.envelope, dict(made.quality), dict(made.costs)) == ("", {}, {})
    assert files(tmp_path) == {}


def test_the_module_does_not_outlive_the_contribution(tmp_path):
    method = Watched()
    contribute(task(tmp_path), NETS, method, 0, notary())
    gc.collect()
    assert [sharer() for sharer in method.sharers] == [None]


def test_no_weight_of_the_module_is_on_the_disk(tmp_path):
    method = Watched()
    made = contribute(task(tmp_path), NETS, method, 0, notary())
    written = files(tmp_path)
    assert len(written) > 4
    assert len(method.weights[0]) >= 2
    for weight in method.weights[0]:
        assert not any(weight in content for content in written.values())
    assert set(json.loads(made.envelope)) == {"payload", "payloadType", "signatures"}


def test_the_owner_s_pictures_show_a_few_images_and_what_a0_makes_of_them(tmp_path):
    one = task(tmp_path)
    made = contribute(one, NETS, POISONING, 0, notary())
    pictures = load_file(one.site.pictures("c-0", repr(POISONING)))
    assert {name: tuple(images.shape) for name, images in pictures.items()} == dict.fromkeys(
        ("originals", "A0.z", "A0.p"), (3, 3, SIDE, SIDE)
    )
    assert torch.equal(pictures["originals"], one.train.images[:3])
    batch, _ = released(one, made)
    torch.testing.assert_close(pictures["A0.p"], apply(NETS.reconstructor, batch.features[:3], CPU))


def test_entities_keep_secrets_of_their_own(tmp_path):
    data = task(tmp_path, "a").train
    batches = []
    for name in ("a", "b"):
        one = task(tmp_path, name, train=data)
        batches.append(released(one, contribute(one, NETS, POISONING, 0, notary()))[0].features)
    assert not torch.allclose(batches[0], batches[1])


def test_a_peer_who_knows_all_that_is_public_cannot_draw_the_noise_of_an_entity_with_a_secret(tmp_path):
    """Without a secret, as in simulations, the peer's copy of the noise leaves the raw features to the last digit of their type."""
    method, left = PerturbedFeatures(perturbation=GaussianNoise(sigma=1.0)), {}
    for secret in ("", "5e" * 32):
        one = task(tmp_path / (secret or "none"), secret=secret)
        batch, _ = released(one, contribute(one, NETS, method, 0, notary()))
        raw = apply(NETS.featurizer, one.train.images, CPU)
        by_peer = method.prepare(replace(preparation_of(one), validation=one.validation, rng=one.stream("method", repr(method))))
        noise = by_peer.share(one.train.images, one.train.labels).features - raw
        left[secret] = float(((batch.features - noise) - raw).square().mean() / (batch.features - raw).square().mean())
    assert left[""] < 1e-4
    assert left["5e" * 32] > 1


@dataclass(frozen=True)
class NearlyOne:
    """Shares features that half precision makes ones."""

    name: str = "nearly-one"

    def prepare(self, preparation):
        return self

    def share(self, images, labels):
        return SharedFeatures(torch.full((len(images), *NETS.spec.shape), 1 - 1e-5), labels)


class SaysWhetherOne(torch.nn.Module):
    """Features (B,C,h,w) -> logits (B,3): class 0 where they are exactly 1, class 2 where they are not."""

    def forward(self, features):
        exact = (features == 1).flatten(1).all(1).float()
        return torch.stack((exact, torch.zeros_like(exact), 1 - exact), 1)


def test_the_decider_is_asked_about_held_out_features_as_a_peer_would_decode_them(tmp_path):
    one, nets = task(tmp_path), copy.deepcopy(NETS)
    nets.decider = Decider(SaysWhetherOne(), torch.nn.Identity())
    made = contribute(one, nets, NearlyOne(), 0, notary())
    assert made.quality["top1_p"] == pytest.approx(float((one.test.labels == 0).float().mean()))
    assert made.quality["top1_z"] == pytest.approx(float((one.test.labels == 2).float().mean()))


def test_the_public_networks_and_the_number_of_threads_stay(tmp_path):
    digest, threads = NETS.digest(), torch.get_num_threads()
    contribute(task(tmp_path), NETS, POISONING, 0, notary())
    assert (NETS.digest(), torch.get_num_threads()) == (digest, threads)


@pytest.mark.parametrize("taken", ["", "features", "pool", "c-0", "c-0/pictures", "c-0/contributions"])
def test_a_folder_that_cannot_be_written_is_refused(tmp_path, taken):
    one = task(tmp_path)
    path = one.site.folder / taken
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        contribute(one, NETS, POISONING, 0, notary())


def test_a_contribution_that_failed_can_be_made_again(tmp_path):
    one = task(tmp_path)
    (one.site.folder / "c-0").mkdir(parents=True)
    (one.site.folder / "c-0" / "contributions").write_text("")
    with pytest.raises(OutputError):
        contribute(one, NETS, POISONING, 0, notary())
    (one.site.folder / "c-0" / "contributions").unlink()
    made = contribute(one, NETS, POISONING, 0, notary())
    release = notary().verify(Envelope.from_bytes(made.envelope.encode()), one, "a", NETS.spec)
    Pool(one.site.pool).check(release)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"envelope": ""}', '"x"'])
def test_a_damaged_record_is_refused_with_its_path(tmp_path, text):
    one = task(tmp_path)
    contribute(one, NETS, RawFeatures(), 0, notary())
    record = one.site.contribution("c-0", repr(RawFeatures()))
    record.write_text(text)
    with pytest.raises(PoolError, match=str(record)):
        contribute(one, NETS, RawFeatures(), 0, notary())


@dataclass(frozen=True)
class Updates:
    """A method that shares what no release can carry."""

    name: str = "updates"

    def prepare(self, preparation):
        return self

    def share(self, images, labels):
        return ModelUpdate({}, len(images))


@dataclass(frozen=True)
class Broken(RawFeatures):
    """Raw features with a hole in them."""

    def prepare(self, preparation):
        inner = super().prepare(preparation)

        class Holed:
            def share(self, images, labels):
                batch = inner.share(images, labels)
                batch.features[0, 0, 0, 0] = float("nan")
                return batch

        return Holed()


@pytest.mark.parametrize("method", [Updates(), Broken()])
def test_what_cannot_be_released_is_refused_and_nothing_is_published(tmp_path, method):
    one = task(tmp_path)
    with pytest.raises(ReleaseError):
        contribute(one, NETS, method, 0, notary())
    assert not one.site.pool.exists() or Pool(one.site.pool).digests() == []


def test_what_a_sharer_has_to_tell_stands_among_the_figures_of_its_release(tmp_path):
    one, method = task(tmp_path), PerturbedFeatures(perturbation=GaussianNoise(sigma=1.5))
    made = contribute(one, NETS, method, 0, notary())
    stream_of_method = one.stream("method", repr(method))
    told = method.prepare(replace(preparation_of(one), validation=one.validation, rng=stream_of_method)).figures
    assert told["perturbation_strength"] == 1.5
    assert told.items() <= made.quality.items()
    assert {"ssim_p", "top1_p"} <= made.quality.keys() - told.keys()
    assert not [name for name in contribute(one, NETS, RawFeatures(), 1, notary()).quality if name.startswith("perturbation")]


def test_the_study_s_attacks_are_asked_and_the_manifest_says_what_came_of_it(tmp_path):
    attack = OtherReconstructor(blocks=1, fitting=FEW)
    one = task(tmp_path, study=replace(STUDY, attacks=(attack,)))
    made = contribute(one, NETS, POISONING, 0, notary())
    _, manifest = released(one, made)
    heads = ("", f"{attack.name}.")
    assert {f"{head}{name}_{of}" for head in heads for name in ("ssim", "windowed_ssim", "l1", "psnr") for of in "zp"} <= set(made.quality)
    assert manifest.audit[f"{attack.name}.ssim_p"] == made.quality[f"{attack.name}.ssim_p"]


def test_a_task_of_many_classes_has_top_five_figures(tmp_path):
    nets = copy.deepcopy(NETS)
    nets.decider.head = torch.nn.Linear(nets.decider.head.in_features, 12)
    made = contribute(task(tmp_path), nets.frozen(), POISONING, 0, notary())
    for of in "zp":
        assert 0 <= made.quality[f"top1_{of}"] <= made.quality[f"top5_{of}"] <= 1
    assert "top5_z" not in contribute(task(tmp_path / "few"), NETS, POISONING, 0, notary()).quality
