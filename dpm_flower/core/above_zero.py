"""The check of settings that make sense above zero only."""

from dpm_flower.core.errors import SettingError


def check_above_zero(**settings: float) -> None:
    """Settings by name. Raises SettingError for the first that is not above zero, as NaN is not."""
    for name, value in settings.items():
        if not value > 0:
            raise SettingError(f"{name} must be > 0, got {value}")
