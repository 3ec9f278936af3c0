"""A client that is killed while it publishes: nothing is half published, and the run, started again, comes to the same figures."""

import signal
from pathlib import Path

import pytest

from dpm_flower.exchange import layout
from dpm_flower.regime.consortium import Consortium
from tests.apps.conftest import Forks
from tests.apps.exchange_runs import NAME, left_behind, own_releases, processes_in, quality_of, wait_until
from tests.study_forks import DEATHS


def envelopes(folder: Path) -> list[Path]:
    """What makes a release one, in all pools of a run."""
    return [path for name in "abc" for path in Consortium(folder).site(name).pool.rglob(layout.ENVELOPE)]


@pytest.mark.soak  # a whole run; at every change tests/exchange kills the pool at every line, and tests/apps/test_random_kills.py runs
def test_wherever_a_publishing_client_is_killed_the_run_goes_on_to_the_same_figures(forks: Forks, small_run: Path, tmp_path: Path) -> None:
    folder, found = tmp_path / "run", []
    for place in DEATHS:
        forks.start(NAME, folder, place)
        assert forks.wait() == -signal.SIGKILL
        found.append(len(envelopes(folder)))
        assert left_behind(folder) or place == "before it is answered"  # it was killed in the middle of something
    assert found == [0, 0, 1, 1]
    forks.start(NAME, folder)
    assert forks.wait() == 0, folder.with_suffix(".log").read_text()
    assert quality_of(folder) == quality_of(small_run)
    assert left_behind(folder) == []
    assert own_releases(folder) == {(name, method): 1 for name in "abc" for method in ("raw-features", "deep-poisoning")}
    wait_until(lambda: not processes_in(folder))
