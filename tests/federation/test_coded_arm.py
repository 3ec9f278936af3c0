"""An arm whose releases travel in a codec, through the client app's own handlers."""

import json
from pathlib import Path

import pytest

from dpm_flower.apps.client import app
from dpm_flower.core.errors import PeerError
from dpm_flower.federation import wire
from dpm_flower.federation.in_process_grid import InProcessGrid
from dpm_flower.payload.envelope import Envelope
from dpm_flower.regime.consortium import Consortium
from tests.federation.test_handlers import _adopt, _answer
from tests.small_study import STUDY

CODED = """
from dataclasses import replace
from dpm_flower.core.arms import SharingArm
from dpm_flower.methods.coded import Coded
from dpm_flower.methods.raw_features import RawFeatures
from tests.small_study import STUDY as SHARED
ARMS = (SharingArm(name="plain", method=RawFeatures()), SharingArm(name="coded", method=Coded(method=RawFeatures(), codec="avif-60")))
STUDY = replace(SHARED, arms=ARMS)
"""


def test_a_coded_release_is_made_and_trained_on_and_is_none_for_another_arm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "study_with_a_codec.py").write_text(CODED)
    Consortium(tmp_path).found(STUDY.partition.names)
    grid = InProcessGrid(app, [{"partition-id": number} for number in range(3)], {"study": "study_with_a_codec", "output": str(tmp_path)})
    for node in range(2):
        _adopt(grid, tmp_path, node)
    made = _answer(grid, wire.CONTRIBUTE, 1, method=1)
    manifest = json.loads(Envelope.from_bytes(made.envelope.encode()).payload)
    assert manifest["spec"]["codec"] == "avif-60"
    assert _answer(grid, wire.REFINE, 0, arm="coded", claims=(("b", made.envelope),)).refused == ()
    with pytest.raises(PeerError, match="wanted codec"):
        _answer(grid, wire.REFINE, 0, arm="plain", claims=(("b", made.envelope),))
