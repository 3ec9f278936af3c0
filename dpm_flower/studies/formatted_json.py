"""Files of one dataclass in JSON that say which format they have: written for people to read, and read back as an equal value."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from dpm_flower.core.errors import StudyError
from dpm_flower.studies.typed_json import built

Kept = TypeVar("Kept")


@dataclass(frozen=True, slots=True)
class JsonFormat(Generic[Kept]):
    """The format of one kind of file. A reader refuses every other `name`; `what` says in errors what was wanted."""

    kind: type[Kept]
    name: str
    what: str

    def text(self, value: Kept) -> str:
        """A value -> strict JSON text that `value` turns into an equal one."""
        fields: dict[str, Any] = asdict(value)  # type: ignore[call-overload]  # kinds are dataclasses
        return json.dumps({"format": self.name} | fields, indent=1, ensure_ascii=False, allow_nan=False) + "\n"

    def value(self, text: str, where: str) -> Kept:
        """The text of such a file -> its value. Raises StudyError, naming `where`, for anything else."""
        try:
            plain = json.loads(text)
        except ValueError as err:
            raise StudyError(f"{where} is not JSON: {err}") from err
        if not isinstance(plain, dict) or plain.pop("format", None) != self.name:
            raise StudyError(f'{where} does not say that its format is "{self.name}"')
        return built(self.kind, plain, where)

    def read(self, path: Path) -> Kept:
        """Such a file -> its value. Raises StudyError where there is none, or another."""
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as err:
            raise StudyError(f"wanted {self.what} in {path}, but: {err}") from err
        return self.value(text, str(path))
