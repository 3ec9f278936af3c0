"""What the vectors tamper with: releases, rosters, and the networks of a broadcast, each from its sender to its reader."""

import json

import torch

from dpm_flower.core.canonical_json import canonical
from dpm_flower.core.digest import tensors_digest
from dpm_flower.payload import roster_envelope
from dpm_flower.payload.envelope import Envelope
from dpm_flower.payload.networks_statement import NetworksStatement, seal_networks, verify_networks
from dpm_flower.payload.roster_lock import RosterLock
from dpm_flower.payload.roster_text import to_text
from tests.payload.examples import NOW
from tests.payload.release_world import ReleaseWorld, roster_of
from tests.payload.roster_examples import DAY, identity, roster, signed


class RosterWorld:
    """A site that accepted version 3 of its consortium's roster, to which version 4 comes.

    Stages: `roster` (its fields and who signs it), `text` ({toml: the text after it was signed}), `envelope` (its JSON).
    """

    def __init__(self, folder, options):
        self._lock = RosterLock.on(roster(), signed(roster(), "ada", "bea"))

    def run(self, tamper):
        plain = {"version": 4, "consortium": roster().consortium, "expires_at": NOW + DAY, "signers": ["ada", "bea"]}
        tamper("roster", plain)
        signers = plain.pop("signers")
        text = {"toml": to_text(roster(**plain))}
        signatures = signed(roster(**plain), *signers).signatures
        tamper("text", text)
        envelope = json.loads(Envelope(text["toml"], roster_envelope.PAYLOAD_TYPE, signatures).to_bytes())
        tamper("envelope", envelope)
        came = self._lock.follow(Envelope.from_bytes(canonical(envelope)))
        came.member("entity-a", NOW)
        return came

    @staticmethod
    def was_right(came):
        return came == roster(version=4, expires_at=NOW + DAY)


class NetworksWorld:
    """A reader of the pre-training broadcast of entity-b: its tensors beside what it signed about them.

    Stages: `statement` (before it is signed), `envelope` (its JSON), `arrays` (the tensors that come, as {name: values}), `reader`,
    `members` (the roster).
    """

    def __init__(self, folder, options):
        self._arrays = {"featurizer.weight": [0.5, 1.0], "decider.weight": [2.0], "reconstructor.weight": [3.0, -1.0]}

    def run(self, tamper):
        statement = {"campaign": "c-0123", "seed": 0, "lead": "entity-b", "digest": _digest(self._arrays), "made_at": NOW - 5}
        tamper("statement", statement)
        envelope = json.loads(seal_networks(identity("entity-b").signing, NetworksStatement(**statement)).to_bytes())
        tamper("envelope", envelope)
        arrays = {name: list(values) for name, values in self._arrays.items()}
        tamper("arrays", arrays)
        reader = {"campaign": "c-0123", "seed": 0, "lead": "entity-b", "now": NOW}
        tamper("reader", reader)
        return verify_networks(Envelope.from_bytes(canonical(envelope)), roster_of(tamper)(), digest=_digest(arrays), **reader)

    def was_right(self, came):
        return came.digest == _digest(self._arrays)


def _digest(arrays):
    return tensors_digest({name: torch.tensor(values) for name, values in arrays.items()})


WORLDS = {"release": ReleaseWorld, "roster": RosterWorld, "networks": NetworksWorld}
