"""`make deploy-demo`: a real deployment on one machine, from keys to results, and nothing of it running afterwards.

A SuperLink with TLS and node authentication, and for each entity of the study a site of its own: identity, certificate, roster, policy,
exchange, SuperNode and launcher, all with keys that were made for this run.
"""

import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from dpm_flower.apps import site_start
from dpm_flower.apps.bundle import digest_of_app
from dpm_flower.apps.flower_environment import environment, free_ports
from dpm_flower.apps.flower_run import CONNECTION, Programs, Watch, finish, follow, wait_until_up
from dpm_flower.apps.kept import kept
from dpm_flower.apps.progress_view import shown
from dpm_flower.apps.refusal import exit_code
from dpm_flower.apps.run_config import as_toml
from dpm_flower.apps.simulated_exchanges import SITES, certify
from dpm_flower.apps.study_run import project
from dpm_flower.core.errors import StudyError
from dpm_flower.core.study import Study
from dpm_flower.federation.opening import find_study
from dpm_flower.payload.development_ca import HOST_CERTIFICATE_NAME, HOST_KEY_NAME, DevelopmentCa
from dpm_flower.payload.identity import NODE_PUBLIC_NAME
from dpm_flower.regime.consortium import Consortium
from dpm_flower.studies.report import REPORT_NAME
from dpm_flower.studies.results import Results
from dpm_flower.studies.results_files import read_results
from dpm_flower.studies.table import result_table

STUDY_NAME = "simulations.deployment:STUDY"


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
    def of(cls, folder: Path, study_name: str) -> "Deployment":
        """A new folder and a study's name -> a deployment on free ports."""
        names = find_study(study_name).partition.names
        superlink, control, *rest = free_ports(2 + 2 * len(names))
        exchanges, client_apps = rest[: len(names)], rest[len(names) :]
        by_name = [dict(zip(names, ports, strict=True)) for ports in (exchanges, client_apps)]
        return cls(folder, study_name, superlink, control, *by_name)

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

    def site_file(self, name: str) -> Path:
        """An entity's site file."""
        return self.consortium.site(name).folder / "site.toml"


def main(arguments: Sequence[str]) -> int:
    """[FOLDER [STUDY]] -> the exit code."""
    stamp = time.strftime("%Y-%m-%dT%H-%M-%S")
    folder = Path(arguments[0] if arguments else f"runs/deployment/{stamp}").absolute()
    study_name = arguments[1] if len(arguments) > 1 else STUDY_NAME

    def work() -> None:
        results = deploy(Deployment.of(folder, study_name), Console(stderr=True))
        Console().print(result_table(results, Console().width))
        Console().print(f"report: {folder / REPORT_NAME}", soft_wrap=True)

    return exit_code(work)


def deploy(deployment: Deployment, console: Console) -> Results:
    """Makes keys and files, starts SuperLink and sites, runs the study, ends everything -> the results. Raises DpmFlowerError."""
    names = deployment.study.partition.names
    prepare(deployment)
    programs = Programs.beside_interpreter()
    env = environment(programs.flwr.parent, deployment.home, deployment.superlink_port, deployment.control_port)
    log_path = deployment.home / "superlink.log"
    with ExitStack() as stack:
        log = stack.enter_context(log_path.open("wb"))
        superlink = stack.enter_context(kept(superlink_command(deployment, programs), env=env, folder=deployment.home, output=log))
        watch = Watch(superlink, log_path)
        wait_until_up(watch, deployment.superlink_port, deployment.consortium.authority)
        for name in names:
            _flwr(programs, env, deployment, "supernode", "register", str(deployment.consortium.site(name).identity / NODE_PUBLIC_NAME))
        parts = [part for name in names for part in stack.enter_context(site_start.running(deployment.site_file(name)))]
        console.print(f"SuperLink and {len(names)} sites run in {deployment.folder}", soft_wrap=True)
        run = [str(programs.flwr), "run", str(project().absolute()), CONNECTION, "--stream"]
        run += ["--run-config", str(deployment.home / "run-config.toml")]
        flower_log = stack.enter_context((deployment.folder / "flower.log").open("a"))
        with shown(deployment.folder, console), kept(run, env=env, folder=deployment.home, output=subprocess.PIPE) as running:

            def on_line(line: str) -> None:
                flower_log.write(line + "\n")
                site_start.check(parts)

            tail = follow(running, watch, on_line)
        finish(programs, env, deployment.home, watch, running.returncode, tail)
    return read_results(deployment.folder)


def prepare(deployment: Deployment) -> None:
    """Keys, certificates, roster, site files and Flower's configuration, all below the deployment's folder."""
    names, consortium = deployment.study.partition.names, deployment.consortium
    deployment.home.mkdir(parents=True)
    consortium.found(names, {name: f"localhost:{port}" for name, port in deployment.exchange_ports.items()})
    certify(consortium, names)
    authority = DevelopmentCa.open(consortium.authority.parent)
    authority.sign_host(deployment.home / "host", ("localhost", "127.0.0.1"), now=int(time.time()))
    bundle = digest_of_app(project())
    for name in names:
        deployment.site_file(name).write_text(site_text(deployment, name, bundle))
    (deployment.home / "config.toml").write_text(
        f'[superlink]\ndefault = "{CONNECTION}"\n\n[superlink.{CONNECTION}]\n'
        f'address = "localhost:{deployment.superlink_port}"\nroot-certificates = "{consortium.authority}"\n'
    )
    config = {"study": deployment.study_name, "output": str(deployment.folder), "exchange": SITES}
    (deployment.home / "run-config.toml").write_text(as_toml(config))


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


def superlink_command(deployment: Deployment, programs: Programs) -> list[str]:
    """Flower's SuperLink with TLS, node authentication and a database that outlives it."""
    host = deployment.home / "host"
    return [
        str(programs.superlink),
        *("--ssl-certfile", str(host / HOST_CERTIFICATE_NAME), "--ssl-keyfile", str(host / HOST_KEY_NAME)),
        *("--ssl-ca-certfile", str(deployment.consortium.authority), "--enable-supernode-auth"),
        *("--database", str(deployment.home / "state.db"), "--disable-runtime-dependency-installation"),
        *("--host", "127.0.0.1", "--port", str(deployment.superlink_port)),
        *("--control-api-address", f"127.0.0.1:{deployment.control_port}"),
    ]


def _flwr(programs: Programs, env: Mapping[str, str], deployment: Deployment, *words: str) -> None:
    with kept([str(programs.flwr), *words, CONNECTION], env=env, folder=deployment.home, output=subprocess.PIPE) as running:
        said = b"".join(running.stdout or ()).decode(errors="replace")
        if running.wait() != 0:
            raise StudyError(f"flwr {' '.join(words[:2])} failed: {said.strip()[-500:]}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
