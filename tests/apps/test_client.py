"""The client app answers every kind of request that the server app sends, with the study's number of threads."""

import torch
from flwr.app import Context, Message, RecordDict

from dpm_flower.apps.client import app
from dpm_flower.core.compute import torch_threads
from dpm_flower.federation import wire
from dpm_flower.federation.in_process_grid import InProcessGrid
from tests.small_study import STUDY


def test_every_action_has_its_handler() -> None:
    actions = {value for name, value in vars(wire).items() if name.isupper() and isinstance(value, str) and "." in value}
    assert len(actions) == 7
    assert actions <= set(app._registered_funcs)
    assert "train.default" in app._registered_funcs  # Flower's own strategies


def test_a_request_is_worked_off_with_the_studys_threads() -> None:
    seen: list[int] = []

    def look(message: Message, context: Context) -> Message:
        seen.append(torch.get_num_threads())
        return message

    InProcessGrid(app, [{}], {})  # gives this process the identity that messages ask for
    context = Context(1, 2, {}, RecordDict(), {"study": "tests.small_study"})
    before = app._registered_funcs["query.identify"]
    app._registered_funcs["query.identify"] = look
    try:
        with torch_threads(2):
            app(Message(RecordDict(), 1, wire.IDENTIFY), context)
            assert torch.get_num_threads() == 2
    finally:
        app._registered_funcs["query.identify"] = before
    assert seen == [STUDY.threads] == [1]
