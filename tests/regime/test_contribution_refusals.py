"""Contributions that cannot be made: refused with the reason, and made again once that is gone."""

from dataclasses import dataclass

import pytest

from dpm_flower.core.errors import OutputError, PoolError, ReleaseError
from dpm_flower.core.shared import ModelUpdate
from dpm_flower.exchange.pool import Pool
from dpm_flower.methods.raw_features import RawFeatures
from dpm_flower.payload.envelope import Envelope
from dpm_flower.regime.contribute import contribute
from tests.regime.examples import NETS, POISONING, notary, task


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
