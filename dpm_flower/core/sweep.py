"""A sweep: studies that differ in one setting, run one after the other and laid side by side in one table."""

import re
from dataclasses import dataclass

from dpm_flower.core.data_name import placeholders
from dpm_flower.core.errors import SettingError
from dpm_flower.core.figures import FIGURES, check_columns
from dpm_flower.core.study import Study

LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._=+-]{0,63}")  # a folder's name on every file system, and one word in a shell
OWN_FILES = ("sweep.json", "sweep.csv", "sweep.html")  # what a sweep writes beside its variants' folders


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """Variants (label, study), in the order in which they are run and shown; each is a whole study in a folder named by its label.

    `columns` are the figures of the sweep's table (see core/figures.py), `figure` the one that is drawn against the labels. A
    variant's `data` may hold "{0}", "{1}" ...: the first, second ... path that the user gives. One that gets no path is left out.

    Raises SettingError for no variants, labels that occur twice (capital letters or not) or can't be a folder, and unknown figures.
    """

    name: str
    variants: tuple[tuple[str, Study], ...]
    columns: tuple[str, ...] = ("top1", "ssim", "top1_release", "gain_kept")
    figure: str = "top1"

    def __post_init__(self) -> None:
        if not LABEL.fullmatch(self.name):
            raise SettingError(f"a sweep's name is one word that can name a folder ({LABEL.pattern}), got {self.name!r}")
        if not self.variants:
            raise SettingError(f"sweep {self.name!r} needs at least one variant, got none")
        for label, study in self.variants:
            if not LABEL.fullmatch(label) or label.lower() in OWN_FILES or label.endswith("."):
                raise SettingError(f"a label can name a folder ({LABEL.pattern}, not {', '.join(OWN_FILES)}), got {label!r}")
            if not isinstance(study, Study):
                raise SettingError(f"variant {label!r} must be a Study, got {type(study).__name__}")
        folded = [label.lower() for label in self.labels]
        if len(set(folded)) != len(folded):
            raise SettingError(f"labels must differ in more than capital letters, got {', '.join(self.labels)}")
        check_columns(self.columns)
        if not self.columns:
            raise SettingError(f"sweep {self.name!r} needs at least one column, got none")
        if self.figure not in FIGURES or self.figure == "seeds":
            raise SettingError(f"the figure to draw must be one of {', '.join(FIGURES)} (not seeds), got {self.figure!r}")

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels in their order."""
        return tuple(label for label, _ in self.variants)

    @property
    def takes_paths(self) -> bool:
        """Whether any variant's data stands for a path that the user gives."""
        return any(placeholders(study.data) for _, study in self.variants)

    def study(self, label: str) -> Study:
        """The variant of that label; raises SettingError with the known ones."""
        for known, study in self.variants:
            if known == label:
                return study
        raise SettingError(f"sweep {self.name!r} has no variant {label!r}; it has {', '.join(self.labels)}")
