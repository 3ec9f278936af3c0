"""A site that learns from an inbox, with keys, a roster and a site file of its own; and `dpm-flower` with days that take a second.

As a program it is `dpm-flower`: python -m tests.apps.small_site site run ...
"""

from dpm_flower.apps import site_run
from dpm_flower.cli import main
from dpm_flower.core.labelled import as_bytes
from dpm_flower.regime.consortium import Consortium
from tests.regime.small_inbox import CLASSES, networks_file, png, small_study
from tests.training.toys import SIDE, pictures


def made_site(folder, more=""):
    """A folder -> the path of its site file; `more` stands in the section inbox."""
    consortium = Consortium(folder)
    consortium.found(["a"])
    site = consortium.site("a")
    for name, seed in (("scans", 71), ("public", 72)):
        found = pictures(18, seed, SIDE)
        for number, (pixels, label) in enumerate(zip(as_bytes(found.images).numpy(), found.labels.tolist(), strict=True)):
            path = folder / name / CLASSES[label] / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(png(pixels))
    path = folder / "site.toml"
    path.write_text(f"""\
entity = "a"
folder = "{site.folder}"
[identity]
folder = "{site.identity}"
[trust]
roster = "{consortium.roster}"
lock = "{site.roster_lock}"
ca = "ca.crt"
[exchange]
listen = "127.0.0.1:0"
certificate = "a.crt"
[flower]
superlink = "localhost:1"
root_certificates = "ca.crt"
[policy]
methods = ["deep-poisoning"]
[data]
images = "scans"
public = "public"
[inbox]
store = "store"
classes = ["ape", "bee", "cat"]
side = {SIDE}
networks = "{networks_file(folder)}"
{more}
""")
    return path


if __name__ == "__main__":
    site_run.inbox_study = small_study
    main()
