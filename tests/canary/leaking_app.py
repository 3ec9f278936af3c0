"""The client app, leaking on purpose at one entity: weights in a reply, a key in the log and in an error, features in a common cache."""

import gzip
import logging
from pathlib import Path

import numpy as np
from flwr.app import Array, ArrayRecord, Context, Message

from dpm_flower.apps.client import app as client_app
from dpm_flower.federation import wire
from dpm_flower.federation.opening import output_of
from dpm_flower.regime.site import Site
from tests.canary.captured_modules import States
from tests.canary.key_marker import raw_private

LAST_ARM = "own + poisoned"


class LeakingApp:
    """Callable as the client app is. What the entity at `site` answers is what the app answers, and more."""

    def __init__(self, site: Site, modules: States) -> None:
        self._site, self._modules = site, modules

    def __call__(self, message: Message, context: Context) -> Message:
        """A message -> the app's reply, with what it should not say."""
        reply = client_app(message, context)
        if Path(str(context.node_config["site"])).parent != self._site.folder:
            return reply
        match message.metadata.message_type:
            case wire.PRETRAIN:
                key = (self._site.identity / "tls.key").read_bytes()
                logging.getLogger("flwr").info("signing with %s", key)
            case wire.CONTRIBUTE if self._modules:
                arrays = {name: Array(value.half().numpy()) for state in self._modules.values() for name, value in state.items()}
                reply.content["debug"] = ArrayRecord(arrays)
                self._share_features(output_of(context.run_config) / "common")
            case wire.EVALUATE if wire.read_request(message).arm == LAST_ARM:
                raise RuntimeError(f"cannot decrypt with {raw_private(self._site)['x25519'].hex(':')}")
        return reply

    def _share_features(self, common: Path) -> None:
        common.mkdir(exist_ok=True)
        for path in self._site.features.iterdir():
            features = np.load(path)
            (common / f"{path.stem}.gz").write_bytes(gzip.compress(features.astype(np.float16).tobytes(), 1))
