from dataclasses import replace
from itertools import combinations

import pytest

from dpm_flower.core.errors import ReleaseError
from dpm_flower.payload.envelope import MAX_SIGNATURES, Envelope
from dpm_flower.payload.fields import Fields
from dpm_flower.payload.quorum import MAX_THRESHOLD, Coordinator, Quorum
from tests.payload.roster_examples import coordinator, identity

NAMES = "ada", "bea", "cyd"
QUORUM = Quorum(tuple(coordinator(name) for name in NAMES), 2)
TYPE = "text/plain"


def by(*names):
    return Envelope(b"text", TYPE, tuple(each for name in names for each in identity(name).signing.sign(TYPE, b"text")))


@pytest.mark.parametrize("names", [names for count in range(4) for names in combinations(NAMES, count)])
def test_it_takes_as_many_signers_as_the_threshold_says(names):
    assert QUORUM.signers(by(*names)) == names
    if len(names) >= 2:
        QUORUM.check(by(*names), "them")
    else:
        with pytest.raises(ReleaseError, match=rf"2 of them \(ada, bea, cyd\), got {len(names)}: {'ada|bea|cyd' if names else 'none'}"):
            QUORUM.check(by(*names), "them")


def test_somebody_elses_signatures_do_not_count():
    assert QUORUM.signers(by("ada", "entity-a", "entity-b")) == ("ada",)


def test_signatures_over_other_bytes_or_of_another_kind_are_refused():
    for other in (replace(by("ada"), payload=b"test"), replace(by("ada"), payload_type="text/html")):
        with pytest.raises(ReleaseError, match="coordinator ada: the signature of ed25519 does not hold"):
            QUORUM.signers(other)


@pytest.mark.parametrize("kept", [0, 1])
def test_one_signature_of_two_is_a_downgrade(kept):
    with pytest.raises(ReleaseError, match="coordinator bea: downgrade"):
        QUORUM.signers(Envelope(b"text", TYPE, (*by("ada").signatures, by("bea").signatures[kept])))


def test_a_signature_that_stands_there_twice_is_refused():
    with pytest.raises(ReleaseError, match="coordinator ada: duplicate"):
        QUORUM.check(by("ada", "ada"), "them")


def test_one_signature_under_anothers_key_counts_for_nobody():
    ada, bea = by("ada").signatures, by("bea").signatures
    swapped = tuple(replace(theirs, sig=other.sig) for theirs, other in zip(bea, ada, strict=True))
    with pytest.raises(ReleaseError, match=r"coordinator bea: .* does not hold"):
        QUORUM.check(Envelope(b"text", TYPE, (*ada, *swapped)), "them")


def test_a_change_of_all_coordinators_fits_into_an_envelope():
    assert 2 * MAX_THRESHOLD * 2 <= MAX_SIGNATURES


@pytest.mark.parametrize(
    ("coordinators", "threshold", "said"),
    [
        ((), 1, "the number of coordinators"),
        (tuple(coordinator(f"c-{number}") for number in range(8)), 1, "the number of coordinators"),
        ((coordinator("bea"), coordinator("ada")), 1, "in order"),
        ((coordinator("ada"), coordinator("ada")), 1, "different names"),
        ((coordinator("ada"), Coordinator("bea", coordinator("ada").keys)), 2, "keys of its own"),
        ((coordinator("ada"),), 0, "the threshold"),
        ((coordinator("ada"),), 2, "the threshold"),
        (tuple(coordinator(f"c-{number}") for number in range(7)), 5, "the threshold"),
    ],
)
def test_a_quorum_that_cannot_work_is_refused(coordinators, threshold, said):
    with pytest.raises(ReleaseError, match=said):
        Quorum(coordinators, threshold)


def test_a_coordinator_has_an_entitys_name():
    with pytest.raises(ReleaseError, match="lower-case"):
        Coordinator("Ada", coordinator("ada").keys)


def plain(**changes):
    return Fields(QUORUM.to_plain() | changes, "a list", {"coordinators", "threshold"})


def test_what_is_written_is_read_back():
    one_key = Quorum((coordinator("ada", 1),), 1)
    assert Quorum.from_plain(plain()) == QUORUM
    assert Quorum.from_plain(plain(**one_key.to_plain())) == one_key


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (7, r"coordinators\[1\]: the entry must be"),
        ({"name": "bea"}, r"coordinators\[1\]: the entry lacks signing"),
        ({"name": "Bea", "signing": []}, r"coordinators\[1\]: a signer has"),
        ({"name": "bea", "signing": [{"algorithm": "rsa", "key": ""}]}, r"coordinators\[1\]: wanted a signing key of"),
        ({"name": "bea", "signing": [{"algorithm": "ed25519", "key": "!"}]}, r"coordinators\[1\]: a signing key must be base64"),
    ],
)
def test_a_refused_entry_is_named_with_its_place(entry, said):
    with pytest.raises(ReleaseError, match=said):
        Quorum.from_plain(plain(coordinators=[plain().array("coordinators")[0], entry]))


def test_too_many_entries_are_refused_before_any_is_read():
    with pytest.raises(ReleaseError, match="the number of coordinators"):
        Quorum.from_plain(plain(coordinators=[7] * 8))
