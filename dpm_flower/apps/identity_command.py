"""`dpm-flower identity`: a name and an endpoint -> a folder of keys and the card to hand over; a folder -> its card, checked."""

import time
from pathlib import Path

from dpm_flower.apps.refusal import exit_code
from dpm_flower.payload.card import Card
from dpm_flower.payload.endpoint import host_and_port
from dpm_flower.payload.identity import CARD_NAME, NODE_PUBLIC_NAME, REQUEST_NAME, Identity, card_in, check_keys_closed
from dpm_flower.payload.passphrase import passphrase_lock
from dpm_flower.payload.passphrase_lock import PassphraseLock


def create(name: str, endpoint: str, folder: Path | None, descriptor: int | None, credential: str | None, *, post_quantum: bool) -> int:
    """Makes the identity and prints its card and what to hand over -> the exit code."""
    return exit_code(lambda: _create(name, endpoint, folder or Path(name), descriptor, credential, post_quantum))


def show(folder: Path, descriptor: int | None, credential: str | None) -> int:
    """Prints an identity's card and fingerprints after checking who can read its keys -> the exit code."""
    return exit_code(lambda: _show(folder, descriptor, credential))


def move(folder: Path, endpoint: str, descriptor: int | None, credential: str | None) -> int:
    """Gives an identity another endpoint under the same keys, and prints its new card and what to do with it -> the exit code."""
    return exit_code(lambda: _move(folder, endpoint, passphrase_lock(descriptor, credential)))


def _create(name: str, endpoint: str, folder: Path, descriptor: int | None, credential: str | None, post_quantum: bool) -> None:
    lock = passphrase_lock(descriptor, credential)
    made = Identity.create(folder, name, endpoint, now=int(time.time()), post_quantum=post_quantum, lock=lock)
    kept = "without a passphrase" if lock is None else "locked with the passphrase"
    handed = [
        f"keys         {kept}, in {folder}, which they never leave",
        f"hand over    {folder / CARD_NAME}; compare its fingerprint by telephone",
        f"             {folder / REQUEST_NAME}, to the certificate authority; {folder / NODE_PUBLIC_NAME}, to the SuperLink's operator",
    ]
    print("\n".join((*card_lines(made.card), *handed)))


def _show(folder: Path, descriptor: int | None, credential: str | None) -> None:
    lock = passphrase_lock(descriptor, credential)
    locked = check_keys_closed(folder)
    if locked and lock is None:
        state, card = "closed to others and locked; not opened, for want of a passphrase", card_in(folder)[1]
    else:
        state, card = (
            f"closed to others, {'locked' if locked else 'without a passphrase'}, and those on the card",
            Identity.open(folder, lock).card,
        )
    print("\n".join((*card_lines(card), f"keys         {state}")))


def _move(folder: Path, endpoint: str, lock: PassphraseLock | None) -> None:
    old = Identity.open(folder, lock)
    moved = old.move(folder, endpoint, now=int(time.time()))
    handed = [f"hand over    {folder / CARD_NAME}, to the coordinators, for: dpm-flower roster move {CARD_NAME}"]
    if host_and_port(old.endpoint)[0] != host_and_port(endpoint)[0]:
        handed.append(f"             {folder / REQUEST_NAME}, to the certificate authority: the certificate names the old host")
    print("\n".join((*card_lines(moved.card), *handed)))


def card_lines(card: Card) -> list[str]:
    """A card -> lines that say who it is, where, and by which fingerprints."""
    made_at = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(card.made_at))
    keys = [f"{key.algorithm:<12} {grouped(key.keyid)}" for key in card.signing.keys]
    return [
        f"name         {card.name}",
        f"endpoint     {card.endpoint}",
        f"made         {made_at}",
        f"fingerprint  {grouped(card.fingerprint)}",
        *keys,
        f"node         {card.node_public_key}",
    ]


def grouped(digest: str) -> str:
    """Hexadecimal digits -> the same in groups of four, as people read them out."""
    return " ".join(digest[start : start + 4] for start in range(0, len(digest), 4))
