"""What a campaign has so far, on disk: every reply as it arrives, so that a killed server app goes on where it was."""

import hashlib
import json
import secrets
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from dpm_flower.core.errors import OutputError, StudyError
from dpm_flower.core.study import Study
from dpm_flower.core.whole_file import whole_file
from dpm_flower.federation.wire import Reply

SPENT_NAME = "spent.json"


@dataclass(frozen=True, slots=True)
class ReplyKey:
    """Which reply: the action, and what was asked for. One reply for each key is kept."""

    action: str
    seed: int
    arm: str
    method: int
    round: int
    entity: str
    basis: str = ""  # digest of what the question carried: releases and weights

    @property
    def file_name(self) -> str:
        """A name that every file system takes; different keys have different names."""
        text = "\x1f".join((self.action, str(self.seed), self.arm, str(self.method), str(self.round), self.entity, self.basis))
        return f"{self.action}-{hashlib.sha256(text.encode()).hexdigest()[:16]}.safetensors"


class CampaignLog:
    """The folder of one campaign's replies. Its identifier is ours, random and kept: Flower's run id changes on a restart."""

    def __init__(self, folder: Path, identifier: str, *, resumed: bool) -> None:
        self._folder = folder
        self.identifier = identifier
        self.resumed = resumed

    @classmethod
    def open(cls, folder: Path, study: Study, circumstances: str = "") -> "CampaignLog":
        """Begins a campaign in an empty folder, or goes on with the one that is there.

        Seeds may be added to a campaign, or left out: each has replies of its own. `circumstances` is whatever else the figures depend
        on: the images themselves, the device, the version.
        Raises StudyError if the folder holds a campaign of another study or of other circumstances, OutputError if it cannot be written.
        """
        head = folder / "campaign.json"
        fingerprint = hashlib.sha256(f"{replace(study, seeds=(0,))!r}\x1f{circumstances}".encode()).hexdigest()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if head.exists():
                facts = json.loads(head.read_text())
                if facts["study"] != fingerprint:
                    raise StudyError(
                        f"{folder} holds a campaign of other settings, images or machine than this study's: choose another output folder"
                    )
                return cls(folder, str(facts["campaign"]), resumed=True)
            identifier = secrets.token_hex(8)
            with whole_file(head) as partial:
                partial.write_text(json.dumps({"campaign": identifier, "study": fingerprint}))
        except OSError as err:
            raise OutputError(f"cannot write the campaign to {folder}: {err}") from err
        except (KeyError, TypeError, ValueError) as err:
            raise StudyError(f"{head} is damaged: {err}") from err
        return cls(folder, identifier, resumed=False)

    def put(self, key: ReplyKey, reply: Reply) -> None:
        """Keeps a reply, whole or not at all. Raises OutputError if it cannot be written."""
        path = self._folder / key.file_name
        facts = {
            "entity": reply.entity,
            "images": reply.images,
            "envelope": reply.envelope,
            "refused": list(reply.refused),
            "away": list(reply.away),
            "quality": dict(reply.quality),
            "costs": dict(reply.costs),
        }
        tensors = {name: tensor.contiguous() for name, tensor in reply.tensors.items()}
        try:
            with whole_file(path) as partial:
                save_file(tensors, partial, {"reply": json.dumps(facts)})
        except (SafetensorError, KeyError, ValueError) as err:  # the latter two for types that the format does not know
            raise OutputError(f"cannot write the campaign to {self._folder}: {err}") from err

    def get(self, key: ReplyKey) -> Reply | None:
        """The reply kept for a key, or None. A damaged one counts as none: it is asked for again."""
        path = self._folder / key.file_name
        try:
            with safe_open(path, framework="pt") as file:
                tensors = {name: torch.clone(file.get_tensor(name)) for name in sorted(file.keys())}
                facts = json.loads((file.metadata() or {})["reply"])
            refused = tuple((str(sender), str(reason)) for sender, reason in facts.pop("refused"))
            away = tuple(map(str, facts.pop("away", ())))  # replies of earlier versions say nothing of it
            return Reply(**facts, refused=refused, away=away, tensors=tensors)
        except (OSError, SafetensorError, KeyError, TypeError, ValueError):
            return None

    def spent_s(self) -> float:
        """Seconds that all runs of this campaign took together, as far as they were noted."""
        try:
            return float(json.loads((self._folder / SPENT_NAME).read_text())["seconds"])
        except (OSError, KeyError, TypeError, ValueError):
            return 0.0  # none yet, or lost: that costs a figure, not the run

    def note_spent(self, seconds: float) -> None:
        """Replaces what `spent_s` answers. Raises OutputError if it cannot be written."""
        with whole_file(self._folder / SPENT_NAME) as partial:
            partial.write_text(json.dumps({"seconds": seconds}))
