"""What leaves an entity, once, and what does not."""

import gc
import json
from dataclasses import replace

import torch

from dpm_flower.core.labelled import as_floats
from dpm_flower.exchange.pool import Pool
from dpm_flower.methods.nothing import Nothing
from dpm_flower.methods.perturbed import PerturbedFeatures
from dpm_flower.methods.raw_images import RawImages
from dpm_flower.payload.released_spec import ImageSpec
from dpm_flower.regime.contribute import contribute
from dpm_flower.training.perturbation import GaussianNoise
from dpm_flower.training.prediction import apply
from tests.regime.contributions import Watched, preparation_of, released
from tests.regime.examples import NETS, POISONING, files, notary, task
from tests.training.toys import CPU, SIDE


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
    signed = ("ssim_p", "windowed_ssim_p", "structure_p", "edge_p", "perceptual_p", "disclosed_p", "disclosed_p_p95")
    wanted = {f"A0.{name}": made.quality[name] for name in signed if name in made.quality}
    assert manifest.audit == wanted | {"attacker_images": len(one.validation)}
    assert made.costs["bytes_sent"] == manifest.size_bytes > 0
    assert made.costs["seconds"] > 0


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


def test_the_public_networks_and_the_number_of_threads_stay(tmp_path):
    digest, threads = NETS.digest(), torch.get_num_threads()
    contribute(task(tmp_path), NETS, POISONING, 0, notary())
    assert (NETS.digest(), torch.get_num_threads()) == (digest, threads)
