"""A deployment in which one site's keys are locked by a passphrase that only its service manager hands over."""

from pathlib import Path

import pytest

from dpm_flower.apps import site_start
from dpm_flower.apps.deploy_demo import running
from dpm_flower.apps.deployed_superlink import run_study
from dpm_flower.apps.deployment import Deployment
from dpm_flower.payload.identity import ED25519_NAME, ML_DSA_NAME, ML_KEM_NAME, NODE_NAME, TLS_NAME, X25519_NAME
from dpm_flower.payload.passphrase_lock import PassphraseLock, is_locked
from tests.deployed import check_pools, deployment_in

KEY_NAMES = ED25519_NAME, ML_DSA_NAME, ML_KEM_NAME, X25519_NAME, TLS_NAME, NODE_NAME
PASSPHRASE = b"correct horse battery staple"
CREDENTIAL = "dpm-keys"


def lock_keys(deployment: Deployment, name: str) -> dict[str, bytes]:
    """Locks an entity's keys and says so in its site file -> what they were."""
    folder, lock = deployment.consortium.site(name).identity, PassphraseLock(PASSPHRASE)
    plain = {key: (folder / key).read_bytes() for key in KEY_NAMES}
    for key, data in plain.items():
        (folder / key).write_bytes(lock.seal(data, key))
    site = deployment.site_file(name)
    site.write_text(site.read_text().replace("[trust]", f'passphrase_credential = "{CREDENTIAL}"\n[trust]', 1))
    return plain


@pytest.mark.soak
def test_locked_keys_serve_a_whole_run_and_lie_open_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deployment = deployment_in(tmp_path / "run")
    plain = lock_keys(deployment, "a")
    credentials = tmp_path / "credentials"
    credentials.mkdir(0o700)
    (credentials / CREDENTIAL).write_bytes(PASSPHRASE)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    with running(deployment) as (link, parts):
        results = run_study(deployment, link, lambda: site_start.check(parts))
    assert {cell.entity for cell in results.cells} == {"a", "b"}
    assert not any(cell.reason for cell in results.cells)
    check_pools(deployment)
    assert all(is_locked((deployment.consortium.site("a").identity / key).read_bytes()) for key in KEY_NAMES)
    # a line of each key's base64 that no other key has: those of OpenSSH begin alike, and so do their last lines end
    secrets = [PASSPHRASE, *(data.strip().splitlines()[-3 if key == NODE_NAME else 1] for key, data in plain.items())]
    for path in (path for path in deployment.folder.rglob("*") if path.is_file()):
        content = path.read_bytes()
        assert not [secret for secret in secrets if secret in content], path
