import json
import subprocess
import sys
from pathlib import Path

import pytest

from dpm_flower.core.errors import OutputError, RetentionError
from dpm_flower.data.retention import keeping
from dpm_flower.data.retention.keeping import Keeping
from dpm_flower.data.retention.verifying import verify
from tests.data.retention.fakes import BEGIN, DAY, content, found_in

ROOT = Path(__file__).parents[3]
HOLD = """
import sys
from pathlib import Path
from dpm_flower.core.alone import alone_in
with alone_in(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def clock_entries(store):
    lines = [json.loads(line) for line in (store.folder / "ledger.jsonl").read_bytes().splitlines()]
    return [(line["details"]["behind_s"], line["details"]["sure"]) for line in lines if line["event"] == "clock"]


def test_a_clock_that_is_set_back_gains_nothing_and_is_written_down_once(store, clock):
    item = store.add(content(1), BEGIN)
    clock.advance(DAY - 10)
    store.read(item)
    clock.set_back(DAY / 2)
    assert store.read(item).content == content(1)  # the machine has run on: its own time tells how late it is
    clock.advance(9)
    store.read(item)
    clock.advance(1)
    assert store.items() == ()
    assert found_in(store.folder, 1) == []
    assert clock_entries(store) == [(DAY // 2, 1)]
    clock.advance(0)
    clock.wall_s += DAY
    store.purge()
    assert clock_entries(store) == [(DAY // 2, 1), (0, 1)]


def test_set_back_between_two_processes_of_one_boot_it_gains_nothing_either(opened, clock):
    item = opened().add(content(1), BEGIN)
    clock.set_back(10 * DAY)
    clock.advance(DAY)
    assert found_in(opened().folder, 1) == []
    assert item


def test_behind_after_a_new_start_nothing_is_read_or_taken_in_until_the_clock_is_right(opened, clock, quick):
    store = opened()
    item = store.add(content(1), BEGIN)
    clock.advance(3600)
    store.read(item)
    clock.set_back(7200)
    clock.reboot()
    store = opened()
    for act in (lambda: store.read(item), store.items, lambda: store.add(content(2), BEGIN), lambda: store.derive([item])):
        with pytest.raises(RetentionError, match=r"7200 s behind .* nobody knows how late it is"):
            act()
    with pytest.raises(RetentionError, match="nobody knows"):
        store.export(item, quick / "out")
    assert clock_entries(store) == [(7200, 0)]
    assert "nobody knows" in "".join(verify(Keeping(store.folder, clock)).wrong)
    clock.wall_s += 7200
    assert store.read(item).content == content(1)
    assert clock_entries(store) == [(7200, 0), (0, 1)]
    clock.set_back(7200)
    clock.reboot()
    opened()
    clock.advance(DAY)  # from the first look of that boot on, what is over by the machine's own time goes, whatever the clock says
    opened()
    assert found_in(store.folder, 1) == []


def test_without_the_mark_the_ledger_tells_the_highest_time(store, clock, opened):
    item = store.add(content(1), BEGIN)
    clock.advance(1000)
    store.derive([item])
    (store.folder / "highest-time").unlink()
    clock.set_back(500)
    clock.reboot()
    with pytest.raises(RetentionError, match="500 s behind"):
        opened().items()


def test_a_mark_that_is_a_link_stops_reading_and_no_deletion(store, clock, quick):
    first, second = store.add(content(1), BEGIN - 100), store.add(content(2), BEGIN)
    (quick / "precious").write_bytes(b"precious")
    (store.folder / "highest-time").unlink()
    (store.folder / "highest-time").symlink_to(quick / "precious")
    clock.advance(DAY - 100)
    assert "highest time" in "".join(store.purge().failed)
    assert found_in(store.folder, 1) == []
    with pytest.raises(OutputError, match="highest time"):
        store.read(second)
    assert first != second
    assert (quick / "precious").read_bytes() == b"precious"


def test_a_ledger_that_is_gone_or_damaged_stops_all_but_deletion(store, clock, opened):
    store.add(content(1), BEGIN)
    path = store.folder / "ledger.jsonl"
    whole = path.read_bytes()
    for bytes_ in (None, whole.replace(b"added", b"addee", 1)):
        path.unlink() if bytes_ is None else path.write_bytes(bytes_)
        for act in (opened, store.items, store.purge, lambda: verify(Keeping(store.folder, clock))):
            with pytest.raises(RetentionError, match=r"is gone|entry 2 was changed"):
                act()
        assert found_in(store.folder, 1) != []
    clock.advance(DAY)
    with pytest.raises(RetentionError, match="1 things that were over by their names were deleted"):
        store.purge()
    assert found_in(store.folder, 1) == []


@pytest.mark.parametrize("damaged", [False, True])
def test_an_order_empties_a_store_whatever_its_ledger_says(store, clock, damaged):
    store.derive([store.add(content(1), BEGIN)])
    if damaged:
        path = store.folder / "ledger.jsonl"
        path.write_bytes(path.read_bytes().replace(b"added", b"addee", 1))
    done = Keeping(store.folder, clock).purge(everything=True)
    assert done.deleted == 2
    assert ("was not written down" in "".join(done.failed)) == damaged
    assert [list((store.folder / part).iterdir()) for part in ("items", "derived")] == [[], []]


def test_whoever_finds_the_store_in_use_waits_and_then_is_refused(store, monkeypatch):
    monkeypatch.setattr(keeping, "WAIT_S", 0.05)
    command = [sys.executable, "-c", HOLD, str(store.folder)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(RetentionError, match="another process has been at work"):
            store.items()
        other.kill()
    assert store.items() == ()


def test_looking_changes_nothing(store, clock):
    store.add(content(1), BEGIN)
    clock.advance(DAY)
    before = {path: path.read_bytes() for path in store.folder.rglob("*") if path.is_file()}
    with Keeping(store.folder, clock).looking() as turn:
        assert len(turn.state.due(turn.now)) == 1
    assert {path: path.read_bytes() for path in store.folder.rglob("*") if path.is_file()} == before
