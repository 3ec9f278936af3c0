"""What is remembered of answers."""

import pytest

from dpm_flower.federation import wire
from dpm_flower.federation.answers import Answers
from dpm_flower.federation.wire import Reply


def test_a_later_answer_replaces_an_earlier_one() -> None:
    answers, reply = Answers(), Reply(entity="a")
    assert answers.get(wire.REFINE, "arm", "a") is None
    answers.put(wire.REFINE, "arm", "a", "no memory")
    assert (answers.get(wire.REFINE, "arm", "a"), answers.reply(wire.REFINE, "arm", "a")) == ("no memory", None)
    answers.put(wire.REFINE, "arm", "a", reply)
    assert answers.reply(wire.REFINE, "arm", "a") is reply
    assert answers.get(wire.REFINE, "arm", "b") is answers.get(wire.REFINE, "other", "a") is None


def test_failures_are_those_of_one_action() -> None:
    answers = Answers()
    answers.put(wire.PRETRAIN, "", "a", "no memory")
    answers.put(wire.PRETRAIN, "", "b", Reply(entity="b"))
    answers.put(wire.ADOPT, "", "c", "gone")
    assert list(answers.failures(wire.PRETRAIN)) == [("a", "no memory")]


@pytest.mark.parametrize("action", [wire.REFINE, wire.REFINE_SHARED])
def test_an_arm_came_to_its_evaluation_or_to_why_there_is_none(action: str) -> None:
    answers = Answers()
    answers.put(action, "arm", "a", Reply(entity="a"))
    assert answers.outcome("arm", "a") is None  # not evaluated yet
    answers.put(action, "arm", "a", "no memory")
    assert answers.outcome("arm", "a") == "no memory"
    answers.put(wire.EVALUATE, "arm", "a", "gone")
    assert answers.outcome("arm", "a") == "gone"
