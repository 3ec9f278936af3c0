"""A site file is read strictly: every mistake names file, section and key."""

from pathlib import Path

import pytest

from dpm_flower.core.errors import SettingError
from dpm_flower.regime.site_file import read_site_file

WHOLE = """
entity = "a"
folder = "store"
[identity]
folder = "/keys"
[trust]
roster = "roster.toml"
lock = "roster.lock"
ca = "ca.crt"
[exchange]
listen = "0.0.0.0:9443"
certificate = "tls.crt"
min_mb_per_s = 2
[flower]
superlink = "host:9092"
root_certificates = "superlink.crt"
[policy]
studies = ["demo"]
methods = ["deep-poisoning"]
most = { "A0.structure_p" = 0.3, "A0.ssim_p" = 1 }
"""


def read(folder: Path, text: str) -> object:
    path = folder / "site.toml"
    path.write_text(text)
    return read_site_file(path)


def test_paths_are_relative_to_the_file_and_numbers_of_their_types(tmp_path):
    site = read(tmp_path, WHOLE)
    assert site.folder == tmp_path / "store"
    assert site.identity.folder == Path("/keys")
    assert site.exchange.min_mb_per_s == 2.0
    assert isinstance(site.exchange.min_mb_per_s, float)
    assert site.exchange.store == ""
    text = WHOLE.replace("min_mb_per_s = 2", 'store = "s3://bucket/a"')
    assert read(tmp_path, text).exchange.store == "s3://bucket/a"
    assert dict(site.policy.most) == {"A0.structure_p": 0.3, "A0.ssim_p": 1.0}


def test_without_a_policy_nothing_is_allowed(tmp_path):
    policy = read(tmp_path, WHOLE.partition("[policy]")[0]).policy
    assert (policy.studies, policy.methods, policy.bundles, policy.network_updates) == ((), (), (), False)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("entity =", "entiti =", "entiti"),
        ('entity = "a"\n', "", "lacks entity"),
        ('lock = "roster.lock"\n', "", "trust: lacks lock"),
        ("min_mb_per_s = 2", "min_mb_per_s = true", "exchange: min_mb_per_s: wanted a number"),
        ("min_mb_per_s = 2", "min_mb_per_s = 0", "must be > 0"),
        ('listen = "0.0.0.0:9443"', 'listen = "9443"', "host:port"),
        ("min_mb_per_s = 2", 'store = "objects"', "exchange: a store is a URL"),
        ("min_mb_per_s = 2", 'store = "s3://key:secret@bucket"', "for the environment"),
        ('listen = "0.0.0.0:9443"', "listen = 9443", "exchange: listen: wanted a string"),
        ('studies = ["demo"]', "studies = [1]", "policy: studies: wanted an array of strings"),
        ('"A0.ssim_p" = 1', '"A0.ssim_p" = "low"', "A0.ssim_p: wanted a number"),
        ("[policy]", "[policy]\nmax_samples = 0", "limits must be > 0"),
        ("[policy]", '[policy]\nbundles = ["abc"]', "SHA-256"),
        ('ca = "ca.crt"', 'ca = ""', "trust: ca: wanted a path"),
        ("[trust]", "[[trust]]", "trust: wanted a section"),
        ("[trust]", "[trust", "cannot read"),
    ],
)
def test_a_mistake_is_named(old, new, told, tmp_path):
    assert old in WHOLE
    with pytest.raises(SettingError, match=told.replace("[", r"\[")):
        read(tmp_path, WHOLE.replace(old, new))


def test_a_file_that_is_missing_or_too_large_is_refused(tmp_path):
    with pytest.raises(SettingError, match="cannot read"):
        read_site_file(tmp_path / "site.toml")
    with pytest.raises(SettingError, match="may take"):
        read(tmp_path, WHOLE + "#" * (1 << 20))


def test_own_images_are_named_from_the_files_folder_on_and_may_be_left_out(tmp_path):
    assert read(tmp_path, WHOLE).data is None
    place = read(tmp_path, WHOLE + '[data]\nimages = "scans?apart=patient"\npublic = "/public.npz"\nclasses = ["benign", "other"]\n').data
    assert (place.images, place.public, place.classes) == (f"{tmp_path}/scans?apart=patient", "/public.npz", ("benign", "other"))


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("", "data: lacks images"),
        ('images = ""', "data: images: wanted a known data set, or the path of one"),
        ("images = 3", "data: images: wanted a known data set"),
        ('images = "x"\nclasses = ["a", "a"]', "data: classes must have different names"),
        ('images = "x"\nlabel = "a"', "data: unknown keys label; known are images, public, classes"),
    ],
)
def test_a_data_section_with_a_mistake_names_it(tmp_path, lines, told):
    with pytest.raises(SettingError, match=told):
        read(tmp_path, f"{WHOLE}[data]\n{lines}\n")
