"""An entity's identity: all its keys, made and kept in one folder of its own site, which they never leave, and the card to hand over."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from dpm_flower.core.errors import OutputError, ReleaseError, SettingError
from dpm_flower.core.whole_file import whole_file
from dpm_flower.payload.card import Card, read_card
from dpm_flower.payload.certificates import certificate_request, entity_names
from dpm_flower.payload.endpoint import host_and_port
from dpm_flower.payload.envelope import Envelope
from dpm_flower.payload.hpke_keys import HpkeKeys
from dpm_flower.payload.key_files import check_closed_folder, new_folder, read_closed, write_new
from dpm_flower.payload.passphrase_lock import PassphraseLock, is_locked
from dpm_flower.payload.private_forms import openssh, pem, read_ec_key, read_key, write_key
from dpm_flower.payload.public_forms import kind_of, openssh_line, spki_der
from dpm_flower.payload.signing_keys import SigningKeys

ED25519_NAME, ML_DSA_NAME = "signing-ed25519.key", "signing-ml-dsa-65.key"
ML_KEM_NAME, X25519_NAME = "hpke-ml-kem-768.key", "hpke-x25519.key"
TLS_NAME, NODE_NAME = "tls.key", "node.key"
CARD_NAME, REQUEST_NAME, NODE_PUBLIC_NAME = "card.json", "tls.csr", "node.pub"  # the three that may be handed over
PRIVATE_NAMES = (ED25519_NAME, ML_DSA_NAME, ML_KEM_NAME, X25519_NAME, TLS_NAME, NODE_NAME)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Identity:
    """One entity's private keys and the card that they belong to. Whoever holds one is that entity; its repr shows no key."""

    card: Card
    card_envelope: Envelope = field(repr=False)
    signing: SigningKeys = field(repr=False)
    hpke: HpkeKeys = field(repr=False)
    tls: ec.EllipticCurvePrivateKey = field(repr=False)
    node: ec.EllipticCurvePrivateKey = field(repr=False)

    @classmethod
    def create(
        cls, folder: Path, name: str, endpoint: str, *, now: int, post_quantum: bool = True, lock: PassphraseLock | None = None
    ) -> "Identity":
        """A new identity in a new folder (mode 0700, private files 0600 and locked where there is a lock), there whole or not at all.

        `now` is in seconds since 1970 UTC. Raises SettingError for a name or an endpoint that cannot work or an algorithm that this
        machine lacks, OutputError where something is at this path already or cannot be written.
        """
        made = cls.generate(name, endpoint, now=now, post_quantum=post_quantum)
        host, _ = host_and_port(endpoint)
        with new_folder(folder) as partial:
            write_key(partial / ED25519_NAME, pem(made.signing.ed25519), lock)
            if made.signing.ml_dsa is not None:
                write_key(partial / ML_DSA_NAME, pem(made.signing.ml_dsa), lock)
            write_key(partial / ML_KEM_NAME, pem(made.hpke.mlkem), lock)
            write_key(partial / X25519_NAME, pem(made.hpke.x25519), lock)
            write_key(partial / TLS_NAME, made.tls_key_pem(), lock)
            write_key(partial / NODE_NAME, made.node_key_openssh(), lock)
            write_new(partial / REQUEST_NAME, certificate_request(made.tls, name, entity_names(name, host)), 0o644)
            write_new(partial / NODE_PUBLIC_NAME, f"{made.card.node_public_key}\n".encode("ascii"), 0o644)
            write_new(partial / CARD_NAME, made.card_envelope.to_bytes(), 0o644)
        return made

    @classmethod
    def generate(cls, name: str, endpoint: str, *, now: int, post_quantum: bool = True) -> "Identity":
        """A new identity in memory only. Raises SettingError as `create` does."""
        signing, hpke = SigningKeys.generate(post_quantum=post_quantum), HpkeKeys.generate()
        tls = ec.generate_private_key(ec.SECP256R1())  # gRPC's TLS takes no Ed25519
        node = ec.generate_private_key(ec.SECP384R1())  # the curve that Flower's own documentation registers nodes with
        try:
            card = Card(
                name=name,
                endpoint=endpoint,
                signing=signing.public,
                tls_spki=spki_der(tls.public_key()),
                node_public_key=openssh_line(node.public_key()),
                hpke=hpke.public,
                made_at=now,
            )
        except ReleaseError as err:
            raise SettingError(str(err)) from err
        return cls(card=card, card_envelope=card.envelope(signing), signing=signing, hpke=hpke, tls=tls, node=node)

    @classmethod
    def open(cls, folder: Path, lock: PassphraseLock | None = None) -> "Identity":
        """A folder that `create` made -> its identity; every key is compared with the card.

        Raises OutputError for what is missing, damaged or open to others (a folder must be 0700, a key 0600, this user's own), and
        SettingError for a passphrase that is wrong, missing or superfluous.
        """
        check_closed_folder(folder)
        envelope, card = card_in(folder)
        names = ED25519_NAME, ML_KEM_NAME, X25519_NAME
        ed25519, ml_kem, x25519 = (read_key(folder / key, lock) for key in names)
        ml_dsa = read_key(folder / ML_DSA_NAME, lock) if len(card.signing.keys) > 1 else None
        if (
            not isinstance(ed25519, Ed25519PrivateKey)
            or not isinstance(ml_dsa, MLDSA65PrivateKey | None)
            or not isinstance(ml_kem, MLKEM768PrivateKey)
            or not isinstance(x25519, X25519PrivateKey)
        ):
            kinds = ", ".join(kind_of(key) for key in (ed25519, ml_dsa, ml_kem, x25519))
            raise OutputError(f"damaged: {folder}: wanted keys of Ed25519, ML-DSA-65, ML-KEM-768 and X25519, got {kinds}")
        found = cls(
            card=card,
            card_envelope=envelope,
            signing=SigningKeys(ed25519, ml_dsa),
            hpke=HpkeKeys(ml_kem, x25519),
            tls=read_ec_key(folder / TLS_NAME, ec.SECP256R1, lock),
            node=read_ec_key(folder / NODE_NAME, ec.SECP384R1, lock),
        )
        found._check_card(folder)
        return found

    def move(self, folder: Path, endpoint: str, *, now: int) -> "Identity":
        """The folder that this was opened from and another endpoint -> the same keys under a newer card, which takes the old one's place.

        Where the host is another, so are the names of the certificate request. `now` is in seconds since 1970 UTC. Raises SettingError
        for an endpoint that cannot work or is the present one, OutputError where the folder cannot be written.
        """
        if endpoint == self.endpoint:
            raise SettingError(f"{self.name} answers at {endpoint} already: wanted another endpoint")
        try:
            # newer than the old one in any case: a roster takes no other
            card = replace(self.card, endpoint=endpoint, made_at=max(now, self.card.made_at + 1))
        except ReleaseError as err:
            raise SettingError(str(err)) from err
        moved = replace(self, card=card, card_envelope=card.envelope(self.signing))
        host, _ = host_and_port(endpoint)
        if host != host_and_port(self.endpoint)[0]:
            _replace(folder / REQUEST_NAME, certificate_request(self.tls, self.name, entity_names(self.name, host)))
        _replace(folder / CARD_NAME, moved.card_envelope.to_bytes())  # last: killed before it, the same command does it all again
        return moved

    @property
    def name(self) -> str:
        """The entity's name."""
        return self.card.name

    @property
    def endpoint(self) -> str:
        """Where its exchange answers, host:port."""
        return self.card.endpoint

    def tls_key_pem(self) -> bytes:
        """The private TLS key in unencrypted PEM, for gRPC's credentials, which take it from memory."""
        return pem(self.tls)

    def node_key_openssh(self) -> bytes:
        """The private node key as flower-supernode reads it, which it does from a path, and without a passphrase.

        Where the folder has a passphrase, hand it these bytes through a pipe: `--auth-supernode-private-key /dev/fd/N`.
        """
        return openssh(self.node)

    def _check_card(self, folder: Path) -> None:
        pairs = {
            ED25519_NAME: (self.signing.public, self.card.signing),
            ML_KEM_NAME: (self.hpke.public, self.card.hpke),
            TLS_NAME: (spki_der(self.tls.public_key()), self.card.tls_spki),
            NODE_NAME: (openssh_line(self.node.public_key()), self.card.node_public_key),
        }
        for name, (came, wanted) in pairs.items():
            if came != wanted:
                raise OutputError(f"damaged: {folder / name} (or the key beside it) is not the key on {CARD_NAME}")


def _replace(path: Path, data: bytes) -> None:
    with whole_file(path) as partial:
        write_new(partial, data, 0o644)


def card_in(folder: Path) -> tuple[Envelope, Card]:
    """An identity's folder -> the card in it, signed and checked; no private key is read. Raises OutputError as `open` does."""
    path = folder / CARD_NAME
    try:
        envelope = Envelope.from_bytes(path.read_bytes())
        return envelope, read_card(envelope)
    except FileNotFoundError as err:
        raise OutputError(f"no identity in {folder}: {CARD_NAME} is missing") from err
    except (OSError, ReleaseError) as err:
        raise OutputError(f"damaged: {path}: {err}") from err


def check_keys_closed(folder: Path) -> bool:
    """An identity's folder -> whether its keys are locked with a passphrase. Raises OutputError for open and missing ones."""
    check_closed_folder(folder)
    _, card = card_in(folder)
    names = [name for name in PRIVATE_NAMES if name != ML_DSA_NAME or len(card.signing.keys) > 1]
    locked = [is_locked(read_closed(folder / name)) for name in names]  # reading looks at each file's mode
    return all(locked)
