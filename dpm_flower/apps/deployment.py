"""A folder and a study -> the files of a deployment on this machine: its ports, keys, roster, site files and Flower's configuration.

They are made once. The same folder again is the same deployment: the ports stand in signed cards, so that they are kept, not drawn anew.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from dpm_flower.apps.bundle import digest_of_app
from dpm_flower.apps.flower_environment import free_ports
from dpm_flower.apps.flower_run import CONNECTION
from dpm_flower.apps.run_config import as_toml
from dpm_flower.apps.simulated_exchanges import SITES, certify
from dpm_flower.apps.study_run import project
from dpm_flower.core.errors import StudyError
from dpm_flower.core.study import Study
from dpm_flower.core.whole_file import whole_file
from dpm_flower.federation.opening import find_study
from dpm_flower.payload.development_ca import HOST_CERTIFICATE_NAME, DevelopmentCa
from dpm_flower.regime.consortium import Consortium

STUDY_NAME = "simulations.deployment:STUDY"
KEPT_NAME = "deployment.json"


@dataclass(frozen=True, slots=True)
class Deployment:
    """The folder of a deployment on this machine, the study that runs in it, and the ports of its parts."""

    folder: Path
    study_name: str
    superlink_port: int
    control_port: int
    exchange_ports: Mapping[str, int]
    client_app_ports: Mapping[str, int]

    @classmethod
    def of(cls, folder: Path, study_name: str = "") -> "Deployment":
        """A folder and a study's name -> the deployment that the folder keeps, or one on free ports, of `STUDY_NAME` without a name.

        Raises StudyError where the folder keeps a deployment of another study.
        """
        if (folder / KEPT_NAME).exists():
            kept = cls._kept(folder)
            if study_name not in ("", kept.study_name):
                raise StudyError(f"{folder} keeps a deployment of {kept.study_name}, wanted one of {study_name}: choose another folder")
            return kept
        study_name = study_name or STUDY_NAME
        names = find_study(study_name).partition.names
        superlink, control, *rest = free_ports(2 + 2 * len(names))
        exchanges, client_apps = rest[: len(names)], rest[len(names) :]
        by_name = [dict(zip(names, ports, strict=True)) for ports in (exchanges, client_apps)]
        return cls(folder, study_name, superlink, control, *by_name)

    @classmethod
    def _kept(cls, folder: Path) -> "Deployment":
        try:
            return cls(folder=folder, **json.loads((folder / KEPT_NAME).read_text()))
        except (OSError, TypeError, ValueError) as err:
            raise StudyError(f"{folder / KEPT_NAME} is damaged: {err}") from err

    def keep(self) -> None:
        """Writes down what `of` reads. Raises OutputError, and StudyError in the folder of a run that was no deployment."""
        if not (self.folder / KEPT_NAME).exists() and self.consortium.roster.exists():
            raise StudyError(f"{self.folder} holds a run that is no deployment, with keys for other addresses: choose another folder")
        facts = {name: value for name, value in asdict(self).items() if name != "folder"}
        with whole_file(self.folder / KEPT_NAME) as partial:
            partial.write_text(json.dumps(facts, indent=1))

    @property
    def study(self) -> Study:
        """The study that runs."""
        return find_study(self.study_name)

    @property
    def consortium(self) -> Consortium:
        """Keys, roster and certificates."""
        return Consortium(self.folder)

    @property
    def home(self) -> Path:
        """Flower's own files."""
        return self.folder / "flower"

    @property
    def host(self) -> Path:
        """The SuperLink's key and certificate."""
        return self.home / "host"

    @property
    def run_config(self) -> Path:
        """What `flwr run` gets."""
        return self.home / "run-config.toml"

    @property
    def ports(self) -> tuple[int, ...]:
        """All ports that its parts listen on."""
        return (self.superlink_port, self.control_port, *self.exchange_ports.values(), *self.client_app_ports.values())

    def site_file(self, name: str) -> Path:
        """An entity's site file."""
        return self.consortium.site(name).folder / "site.toml"


def prepare(deployment: Deployment) -> None:
    """Keys, certificates, roster, site files and Flower's configuration, all below the deployment's folder; what is there stays.

    Killed at any moment it can be called again. Certificates are signed anew, for the keys that are there, and the site files allow
    the bundle of the code as it is now. Raises DpmFlowerError.
    """
    names, consortium = deployment.study.partition.names, deployment.consortium
    deployment.keep()
    consortium.found(names, {name: f"localhost:{port}" for name, port in deployment.exchange_ports.items()})
    certify(consortium, names)
    authority, now = DevelopmentCa.open(consortium.authority.parent), int(time.time())
    if deployment.host.exists():
        certificate = deployment.host / HOST_CERTIFICATE_NAME
        _write(certificate, authority.renew(certificate.read_bytes(), now=now).decode())
    else:
        authority.sign_host(deployment.host, ("localhost", "127.0.0.1"), now=now)
    bundle = digest_of_app(project())
    for name in names:
        _write(deployment.site_file(name), site_text(deployment, name, bundle))
    connection = f'address = "localhost:{deployment.superlink_port}"\nroot-certificates = "{consortium.authority}"\n'
    _write(deployment.home / "config.toml", f'[superlink]\ndefault = "{CONNECTION}"\n\n[superlink.{CONNECTION}]\n{connection}')
    config = {"study": deployment.study_name, "output": str(deployment.folder), "exchange": SITES}
    _write(deployment.run_config, as_toml(config))


def site_text(deployment: Deployment, name: str, bundle: str) -> str:
    """An entity's site file: what it allows is this study, its poisoned features, and this very bundle."""
    consortium, study = deployment.consortium, deployment.study
    site = consortium.site(name)
    methods = ", ".join(f'"{method.name}"' for method in study.methods if method.name != "nothing")
    return f"""\
entity = "{name}"
folder = "{site.folder}"
[identity]
folder = "{site.identity}"
[trust]
roster = "{consortium.roster}"
lock = "{site.roster_lock}"
ca = "{consortium.authority}"
[exchange]
listen = "127.0.0.1:{deployment.exchange_ports[name]}"
certificate = "{consortium.certificate(name)}"
[flower]
superlink = "localhost:{deployment.superlink_port}"
root_certificates = "{consortium.authority}"
client_app_port = {deployment.client_app_ports[name]}
[policy]
studies = ["{study.name}"]
methods = [{methods}]
bundles = ["{bundle}"]
most = {{ "A0.structure_p" = 0.5 }}
network_updates = true
"""


def _write(path: Path, text: str) -> None:
    with whole_file(path) as partial:
        partial.write_text(text)
