import pytest

from dpm_flower.apps.doctor.policy import BUNDLES, METHODS, STUDIES, policy_findings
from tests.apps.doctor.world import World


def test_a_policy_that_names_everything_is_well(world: World) -> None:
    assert {check: one.mark for check, one in world.found(policy_findings).items()} == {STUDIES: "ok", METHODS: "ok", BUNDLES: "ok"}


@pytest.mark.parametrize(
    ("line", "check"),
    [('studies = ["demo"]', STUDIES), ('methods = ["deep-poisoning"]', METHODS), (f'bundles = ["{"0" * 64}"]', BUNDLES)],
)
def test_what_names_nothing_is_a_warning(world: World, line: str, check: str) -> None:
    world.change((line, ""))
    found = world.found(policy_findings)
    assert [name for name, one in found.items() if one.mark == "warning"] == [check]
    assert "it names none" in found[check].found


def test_methods_whose_releases_may_tell_anything_are_a_warning(world: World) -> None:
    world.change(("headline_p", "A0.ssim_p"))
    found = world.found(policy_findings)[METHODS]
    assert (found.mark, found.found) == ("warning", "deep-poisoning, whatever attackers got out of the release")


def test_without_methods_updates_may_still_leave(world: World) -> None:
    world.change(('methods = ["deep-poisoning"]', "network_updates = true"))
    assert "network updates only may leave" in world.found(policy_findings)[METHODS].found


@pytest.mark.parametrize("name", ["simulations.demo:STUDY", "simulations.demo", "own.module:SWEEP/label"])
def test_a_place_is_no_name_of_a_study(world: World, name: str) -> None:
    world.change(('studies = ["demo"]', f'studies = ["demo", "{name}"]'))
    found = world.found(policy_findings)[STUDIES]
    assert (found.mark, found.found.partition(":")[0]) == ("warning", name.partition(":")[0])


@pytest.mark.parametrize("name", ["demo", "anchors-first", "table1_2/any.label: of a study"])
def test_names_are_names(world: World, name: str) -> None:
    world.change(('studies = ["demo"]', f'studies = ["{name}"]'))
    assert world.found(policy_findings)[STUDIES].mark == "ok"
