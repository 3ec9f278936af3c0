"""How near an attacker comes to own images from their raw features: asked once, since it is the same for every method."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from dpm_flower.attacks.scoring import Disclosure
from dpm_flower.core.errors import TrainingError
from dpm_flower.training.checkpoint import write_tensors

LAYOUT = 2  # goes up when a score is added or means something else, so that verdicts of earlier versions are not read as this one's
FILE = f"raw-{LAYOUT}.safetensors"
SHOWN = "shown"
SCORES = tuple(field.name for field in fields(Disclosure))


@dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """The scores of an attacker's guesses (N,), and the first few of the guesses (n,3,H,W)."""

    disclosure: Disclosure
    shown: Tensor


def judged_once(folder: Path, judge: Callable[[], Verdict]) -> Verdict:
    """An attacker's folder and how to judge it -> the verdict that lies there, or a fresh one, which then does.

    Scoring costs as much as guessing, and a study asks about many methods. Raises TrainingError for a file that is damaged.
    """
    path = folder / FILE
    if not path.exists():
        verdict = judge()
        write_tensors(path, {name: getattr(verdict.disclosure, name) for name in SCORES} | {SHOWN: verdict.shown})
        return verdict
    try:
        kept = load_file(path)
        return Verdict(Disclosure(**{name: kept[name] for name in SCORES}), kept[SHOWN])
    except (OSError, SafetensorError, KeyError) as err:
        raise TrainingError(f"the kept verdict {path} of an attacker is damaged: {err}; remove it") from err
