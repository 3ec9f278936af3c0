"""What a study may name as the weights that its backbone starts from."""

from pathlib import Path

from dpm_flower.core.errors import SettingError

UNTRAINED = ""
IMAGENET = "imagenet"  # those that torchvision publishes for the backbone
STATE_DICTS = (".safetensors", ".pth")


def check_weights(weights: str) -> None:
    """Raises SettingError unless `weights` are "", "imagenet", or the path of a state dict, absolute or from "~".

    A relative path is refused, since every client works in another folder.
    """
    if weights in (UNTRAINED, IMAGENET):
        return
    path = Path(weights)
    if path.suffix not in STATE_DICTS or not (path.is_absolute() or path.parts[0] == "~"):
        raise SettingError(
            f'weights must be "" (untrained), "{IMAGENET}" or an absolute path that ends in {" or ".join(STATE_DICTS)}, got {weights!r}'
        )
