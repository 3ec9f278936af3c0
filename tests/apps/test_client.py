"""The client app answers every kind of request that the server app sends."""

from dpm_flower.apps.client import app
from dpm_flower.federation import wire


def test_every_action_has_its_handler() -> None:
    actions = {value for name, value in vars(wire).items() if name.isupper() and isinstance(value, str) and "." in value}
    assert len(actions) == 7
    assert actions <= set(app._registered_funcs)
    assert "train.default" in app._registered_funcs  # Flower's own strategies
