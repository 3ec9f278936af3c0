import inspect

from dpm_flower.core import errors


def test_whoever_catches_the_root_catches_every_refusal():
    kinds = [kind for _, kind in inspect.getmembers(errors, inspect.isclass)]
    assert len(kinds) > 10
    assert all(issubclass(kind, errors.DpmFlowerError) and kind.__doc__ for kind in kinds)
