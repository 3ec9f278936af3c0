"""An owner looks at what its releases tell, and has them attacked anew: one site with real keys, its release in its own pool."""

import json
import os
import re
import shutil
import stat
import time
from dataclasses import dataclass, replace
from types import SimpleNamespace

import pytest
import torch
from flwr.app import Context, RecordDict
from safetensors.torch import load_file

from dpm_flower.apps.audit_again import Again, _Gone, recorded
from dpm_flower.apps.audit_command import PAGE, audit
from dpm_flower.attacks.black_box import BlackBoxInversion
from dpm_flower.core.arms import SharingArm
from dpm_flower.core.errors import PoolError, ReleaseError, SettingError
from dpm_flower.core.labelled import as_floats
from dpm_flower.core.level import Level
from dpm_flower.core.protocols import Guess
from dpm_flower.core.streams import stream
from dpm_flower.exchange.pool import Pool
from dpm_flower.federation.opening import SITE, open_nets, open_task
from dpm_flower.methods.drawn_features import DrawnFeatures
from dpm_flower.methods.raw_images import RawImages
from dpm_flower.nets.public_nets import PublicNets
from dpm_flower.payload.envelope import Envelope
from dpm_flower.payload.identity import Identity
from dpm_flower.payload.manifest import Manifest
from dpm_flower.payload.passphrase import CREDENTIALS
from dpm_flower.regime.consortium import ENDPOINT, Consortium
from dpm_flower.regime.contribute import contribute
from dpm_flower.regime.site import Site
from dpm_flower.regime.site_standing import site_standing
from dpm_flower.studies.own_audits import LEAKAGES
from dpm_flower.training.checkpoint import write_tensors
from tests.payload.identities import quick_lock
from tests.small_deployment import LINKED, STUDY
from tests.small_study import POISONING

HERE, SMALL = "tests.apps.test_audit_command", "tests.small_deployment"
PASSPHRASE = b"correct horse battery"
TRUTH = []  # the own images, which no attacker outside a test has


@dataclass(frozen=True)
class Knowing:
    """Guesses the images themselves, whatever was released."""

    name: str = "A1.knowing"
    level: Level = Level.A1

    def prepare(self, view, rng):
        return self

    def guess(self, release):
        return Guess(as_floats(TRUTH[-1]))


KNOWING = replace(STUDY, attacks=(Knowing(),))
BOTH = replace(STUDY, arms=(*STUDY.arms, SharingArm(name="all raw images", method=RawImages(), refine="network")))
DRAWING = DrawnFeatures(neighbours=99, least=5)
DRAWN = replace(STUDY, arms=(*STUDY.arms, SharingArm(name="drawn", method=DRAWING)))
ASKING = replace(STUDY, attacks=(Knowing(), BlackBoxInversion()))
IMAGES = Again(study=f"{SMALL}:STUDY", attacks=f"{HERE}:KNOWING", passphrase_credential="keys")


@pytest.fixture(autouse=True)
def _credential(tmp_path_factory, monkeypatch):
    folder = tmp_path_factory.mktemp("credentials")
    (folder / "keys").write_bytes(PASSPHRASE)
    monkeypatch.setenv(CREDENTIALS, str(folder))


def opened(site_file):
    return open_task(Context(0, 0, {SITE: str(site_file)}, RecordDict(), {"study": f"{SMALL}:STUDY", "data": ""}), "c-0", 0, "")


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    """A run's folder in which entity a has released poisoned features; its keys are locked."""
    run = tmp_path_factory.mktemp("released")
    consortium = Consortium(run)
    for name in "ab":
        folder = consortium.site(name).identity
        folder.parent.mkdir(parents=True, mode=0o700)
        Identity.create(folder, name, ENDPOINT, now=int(time.time()), lock=quick_lock(PASSPHRASE))
    consortium.found(["a", "b"])
    (run / "site.toml").write_text(f"""
entity = "a"
folder = "sites/a"
identity.folder = "sites/a/identity"
trust = {{roster = "consortium/roster.toml", lock = "sites/a/roster.lock", ca = "ca.crt"}}
exchange = {{listen = "127.0.0.1:0", certificate = "tls.crt"}}
flower = {{superlink = "127.0.0.1:1", root_certificates = "superlink.crt"}}
[policy]
studies = ["{STUDY.name}"]
methods = ["{POISONING.name}", "raw-images", "{DRAWING.name}"]
most = {{"A0.ssim_p" = 1.0}}
""")
    (run / "passphrase").write_bytes(PASSPHRASE)
    task = opened(run / "site.toml")
    nets = PublicNets.assemble(STUDY.backbone, STUDY.hook, STUDY.side, task.train.classes, stream(0, "test"))
    write_tensors(task.site.nets("c-0"), nets.tensors())
    descriptor = os.open(run / "passphrase", os.O_RDONLY)
    contribute(task, open_nets(task), POISONING, 0, site_standing(run / "site.toml", descriptor).notary())
    return run


@pytest.fixture
def world(released, tmp_path, monkeypatch):
    """A copy of it of a test's own, and where its things lie."""
    monkeypatch.setenv("COLUMNS", "200")
    run = tmp_path / "run"
    shutil.copytree(released, run)
    site = Site(run / "sites" / "a")
    TRUTH.append(opened(run / "site.toml").train.images)
    return SimpleNamespace(
        file=run / "site.toml",
        site=site,
        record=site.contribution("c-0", repr(POISONING)),
        first=site.leakage("c-0", repr(POISONING)),
        later=site.leakage("c-0", repr(POISONING), 1),
        page=site.folder / "c-0" / "audits" / PAGE,
    )


def titles(page):
    return re.findall("<h2>(.*)</h2>", page.read_text())


def kept(world):
    """What the release left under: its audit, its pictures, its record and its shards."""
    site = world.site
    paths = [world.first, site.pictures("c-0", repr(POISONING)), world.record, *(site.pool / "releases").rglob("*")]
    return {path: path.read_bytes() for path in paths if path.is_file()}


def signed_as(record, **scores):
    """Puts other scores into the envelope of a record, which nobody verifies to show it."""
    plain = json.loads(record.read_text())
    envelope = Envelope.from_bytes(plain["envelope"].encode())
    payload = replace(Manifest.from_bytes(envelope.payload), audit=scores).to_bytes()
    record.write_text(json.dumps(plain | {"envelope": replace(envelope, payload=payload).to_bytes().decode()}))


def refusal(capsys):
    return capsys.readouterr().err


def test_what_was_found_before_a_release_left_is_shown_and_nothing_is_attacked(world, capsys):
    before = kept(world)
    assert audit(world.file, "", None) == 0
    said = capsys.readouterr().out
    assert "deep-poisoning, before it left: " in said
    assert str(world.page) in said
    assert "signed: no headline_p" in said
    assert titles(world.page) == ["deep-poisoning, before it left"]
    assert kept(world) == before
    assert not world.later.exists()


def test_the_signed_headline_is_told_whatever_lies_in_the_audits_file(world, capsys):
    signed_as(world.record, headline_p=0.1234)
    assert audit(world.file, "", None) == 0
    assert "deep-poisoning, signed: headline_p 0.12\n" in capsys.readouterr().out
    world.record.unlink()
    assert audit(world.file, "", None) == 0
    assert "nothing was signed" in capsys.readouterr().out


def test_the_campaign_that_was_audited_last_is_shown_or_the_one_that_is_named(world, capsys):
    shutil.copytree(world.site.folder / "c-0", world.site.folder / "c-1")
    other = world.site.leakage("c-1", repr(POISONING))
    replace(LEAKAGES.read(other), campaign="c-1", images=4711).write(other)
    for path, seconds in ((world.first, 1000), (other, 2000)):
        os.utime(path, (seconds, seconds))
    for campaign, last in (("", True), ("c-0", False), ("c-1", True)):
        assert audit(world.file, campaign, None) == 0
        assert ("4711 images released" in capsys.readouterr().out) is last
    os.utime(world.first, (3000, 3000))
    assert audit(world.file, "", None) == 0
    assert "4711" not in capsys.readouterr().out


def test_a_campaign_or_a_site_without_audits_is_refused(world, capsys):
    for again in (None, IMAGES):
        assert audit(world.file, "none-such", again) == 1
        assert "wanted a campaign in which this site made a release, got 'none-such'" in refusal(capsys)
    shutil.rmtree(world.site.folder / "c-0")
    assert audit(world.file, "", None) == 1
    assert "where no audit lies" in refusal(capsys)


def test_attacked_anew_by_others_a_release_keeps_the_audit_that_it_left_under(world, capsys):
    before, found = kept(world), LEAKAGES.read(world.first)
    assert audit(world.file, "", IMAGES) == 0
    assert kept(world) == before
    anew = LEAKAGES.read(world.later)
    assert [attack.name for attack in anew.attacks] == ["A0", "A1.knowing"]
    assert anew.mean is not None
    assert anew.mean.value == pytest.approx(1, abs=1e-6)
    assert anew.attacks[0].scores == found.attacks[0].scores  # what is attacked is what left
    assert "A1.knowing.worst.p" in load_file(world.site.pictures("c-0", repr(POISONING), 1))
    said = capsys.readouterr().out
    assert said.index("deep-poisoning, before it left: ") < said.index("deep-poisoning, attacked again (1): ")
    assert audit(world.file, "", replace(IMAGES, attacks=f"{SMALL}:LINKED")) == 0
    assert kept(world) == before
    assert LEAKAGES.read(world.later) == anew
    assert titles(world.page) == [f"deep-poisoning, {which}" for which in ("before it left", "attacked again (1)", "attacked again (2)")]
    (link,) = LEAKAGES.read(world.site.leakage("c-0", repr(POISONING), 2)).links
    assert link.name == LINKED.attacks[0].name


def test_what_shows_own_images_is_for_its_owner_alone(world):
    usual = os.umask(0o022)
    try:
        assert audit(world.file, "", IMAGES) == 0
    finally:
        os.umask(usual)
    pictures = [world.site.pictures("c-0", repr(POISONING), again) for again in (0, 1)]
    for path in (world.page, *pictures, world.first, world.later):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def limited(world, limit):
    """Changes what the site's policy allows, before anybody has read it."""
    world.file.write_text(re.sub("most = .*", f"most = {limit}", world.file.read_text()))


def test_a_release_that_exceeds_todays_limit_ends_in_exit_code_1_when_all_was_shown_and_written(world, capsys):
    limited(world, '{"headline_p" = 0.3, "A2.ssim_p" = 0.1}')  # the latter's attacker is not asked, and says nothing
    assert audit(world.file, "", IMAGES) == 1
    out, err = capsys.readouterr()
    assert "deep-poisoning, attacked again: this site's policy allows headline_p up to 0.3, got 1" in err
    assert "deep-poisoning, attacked again (1): " in out
    assert world.later.exists()
    assert len(titles(world.page)) == 2


def test_a_release_within_todays_limits_ends_in_exit_code_0(world):
    limited(world, '{"headline_p" = 1.01, "A2.ssim_p" = 0.1}')
    assert audit(world.file, "", IMAGES) == 0


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"attacks": f"{HERE}:ASKING"}, "is gone when that has left, and A4 would ask it"),
        ({"study": f"{HERE}:ASKING", "attacks": ""}, "is gone when that has left, and A4 would ask it"),
        ({"attacks": f"{SMALL}:STUDY"}, f"wanted a study that has attacks, got {SMALL}:STUDY, which has none"),
        ({"passphrase_credential": None}, "passphrase"),
        ({"passphrase_fd": 3}, "one source for the passphrase"),
    ],
)
def test_what_cannot_be_asked_or_opened_is_said_before_anything_is_attacked(world, capsys, changes, told):
    assert audit(world.file, "", replace(IMAGES, **changes)) == 1
    assert told in refusal(capsys)
    assert not world.later.exists()
    assert not world.page.exists()


def test_a_module_that_is_gone_answers_nobody():
    with pytest.raises(ReleaseError, match="the private module behind this release of deep-poisoning is gone"):
        _Gone("deep-poisoning").share(None, None)


def test_the_passphrase_comes_from_where_the_user_says_before_where_the_site_file_says(world):
    descriptor = os.open(world.file.with_name("passphrase"), os.O_RDONLY)
    assert audit(world.file, "", replace(IMAGES, passphrase_credential=None, passphrase_fd=descriptor)) == 0
    world.file.write_text(world.file.read_text().replace("trust =", 'identity.passphrase_credential = "keys"\ntrust ='))
    assert site_standing(world.file).identity.name == "a"
    with pytest.raises(SettingError, match="others"):
        site_standing(world.file, None, "others")


def test_a_damaged_record_is_told_when_the_audits_were_shown(world, capsys):
    world.record.write_text("{}")
    assert audit(world.file, "", None) == 1
    out, err = capsys.readouterr()
    assert "deep-poisoning, before it left" in out
    assert f"the record {world.record} of a contribution is damaged" in err
    assert audit(world.file, "", IMAGES) == 1
    assert "of a contribution is damaged" in refusal(capsys)
    assert not world.later.exists()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"envelope": 1}', '{"envelope": "{}"}', None])
def test_whatever_is_no_record_is_damaged(text, tmp_path):
    path = tmp_path / "record"
    if text is not None:
        path.write_text(text)
    with pytest.raises(PoolError, match=f"the record {path} of a contribution is damaged"):
        recorded(path)


def test_released_images_are_attacked_anew_beside_features(world):
    descriptor = os.open(world.file.with_name("passphrase"), os.O_RDONLY)
    task = opened(world.file)
    contribute(task, open_nets(task), RawImages(), 1, site_standing(world.file, descriptor).notary())
    assert audit(world.file, "c-0", replace(IMAGES, study=f"{HERE}:BOTH")) == 0
    anew = LEAKAGES.read(world.site.leakage("c-0", repr(RawImages()), 1))
    assert anew.attacks[0].scores["ssim"].release == pytest.approx(1)
    assert world.later.exists()
    left = {f"{method}, {which}" for method in ("deep-poisoning", "raw-images") for which in ("before it left", "attacked again (1)")}
    assert set(titles(world.page)) == left


def test_of_a_release_for_some_classes_their_images_alone_are_victims_anew(world):
    task, method = opened(world.file), DRAWING
    descriptor = os.open(world.file.with_name("passphrase"), os.O_RDONLY)
    contribute(task, open_nets(task), method, 1, site_standing(world.file, descriptor).notary())
    assert audit(world.file, "c-0", replace(IMAGES, study=f"{HERE}:DRAWN", attacks=f"{SMALL}:LINKED")) == 0
    counts = torch.bincount(task.train.labels)
    first, anew = (LEAKAGES.read(world.site.leakage("c-0", repr(method), again)) for again in (0, 1))
    assert first.images == anew.images == int(counts[counts >= method.least].sum()) < len(task.train)


def test_a_release_without_a_record_or_withdrawn_is_not_attacked(world, capsys):
    pool = Pool(world.site.pool)
    (digest,) = pool.digests()
    pool.withdraw(digest, "a patient asked")
    assert audit(world.file, "", IMAGES) == 1
    assert "was withdrawn or has expired" in refusal(capsys)
    assert audit(world.file, "", None) == 0  # what was found stays
    capsys.readouterr()
    world.record.unlink()
    assert audit(world.file, "", IMAGES) == 1
    assert "a has contributed nothing of study small-deployment in campaign c-0" in refusal(capsys)
    assert not world.later.exists()


def test_other_images_than_a_release_was_made_of_are_refused(world, capsys):
    replace(LEAKAGES.read(world.first), seed=1).write(world.first)
    assert audit(world.file, "", IMAGES) == 1
    assert "was made of other images than these" in refusal(capsys)
    assert not world.later.exists()
