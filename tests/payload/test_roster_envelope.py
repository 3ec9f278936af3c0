import stat
import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpm_flower.core.errors import OutputError, ReleaseError
from dpm_flower.payload.envelope import MAX_SIGNATURE_BYTES, MAX_SIGNATURES, Envelope, Signature
from dpm_flower.payload.roster_envelope import (
    MARK,
    MAX_ROSTER_BYTES,
    MAX_TAIL_BYTES,
    PAYLOAD_TYPE,
    from_file,
    read_envelope,
    text_digest,
    to_file,
    write_envelope,
)
from tests.payload.roster_examples import roster, signed, with_signatures_of

SIGNATURES = st.lists(st.builds(Signature, st.text("abc09", min_size=1, max_size=9), st.binary(min_size=1, max_size=64)), max_size=3)
ONE = signed(roster(), "ada", "bea")
FILE = to_file(ONE)


def holding(text, *signatures):
    return Envelope(text, PAYLOAD_TYPE, signatures)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200), SIGNATURES)
def test_what_is_written_is_read_back_with_the_text_as_it_was(text, signatures):
    envelope = holding(text, *signatures)
    data = to_file(envelope)
    assert data.startswith(text)
    assert from_file(data) == envelope


def test_the_whole_file_is_toml():
    assert len(tomllib.loads(FILE.decode())["signatures"]) == 4
    assert "signatures" not in tomllib.loads(to_file(signed(roster())).decode())


def test_the_digest_is_that_of_the_text_however_many_sign():
    assert text_digest(ONE) == text_digest(with_signatures_of(ONE, "cyd"))
    assert text_digest(ONE) != text_digest(signed(roster(version=4), "ada", "bea"))


def test_as_many_signatures_fit_as_an_envelope_takes():
    sigs = [Signature("k" * 64 + str(number), bytes(3309 + 1000)) for number in range(MAX_SIGNATURES)]
    assert from_file(to_file(holding(b"", *sigs))).signatures == tuple(sigs)


@pytest.mark.parametrize("text", [MARK, b"x = 1\n" + MARK[:-1], MARK + b"x"])
def test_a_text_that_holds_the_line_which_ends_it_is_not_written(text):
    with pytest.raises(ReleaseError, match="the line that marks its end"):
        to_file(holding(text))


@pytest.mark.parametrize(
    ("envelope", "said"),
    [
        (Envelope(b"", "text/plain", ()), "wanted an envelope of"),
        (holding(b"x" * (MAX_ROSTER_BYTES + 1)), "a roster may take"),
    ],
)
def test_another_envelope_is_not_written(envelope, said):
    with pytest.raises(ReleaseError, match=said):
        to_file(envelope)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "must hold the line"),
        (ONE.payload, "must hold the line"),
        (ONE.to_bytes(), "must hold the line"),
        (FILE + b"x = 1\n", "is not TOML|has unknown keys"),
        (FILE + b"\n", "canonical form"),
        (FILE + b"# a comment\n", "canonical form"),
        (FILE[:-1], "canonical form"),
        (FILE.replace(b"keyid", b"keyId", 1), r"signatures\[0\] has unknown keys"),
        (FILE.replace(b'sig = "', b'sig = "!', 1), r"signatures\[0\]: sig must be base64"),
        (ONE.payload + MARK + b"signatures = []\n", "canonical form"),
        (ONE.payload + MARK + b"signatures = [7]\n", r"signatures\[0\] must be"),
        (ONE.payload + MARK + b"\n", "lacks signatures"),
        (ONE.payload + MARK + b"signatures = [" + b"7," * 17 + b"]\n", "may have 16 signatures, got 17"),
        (ONE.payload + MARK + MARK, "lacks signatures"),
        (ONE.payload + MARK + b"#" * (MAX_TAIL_BYTES + 1), "may take"),
        (b"#" * (MAX_ROSTER_BYTES + 1) + MARK, "a roster may take"),
        (b"#" * (MAX_ROSTER_BYTES + len(MARK) + MAX_TAIL_BYTES + 1), "a roster may take"),
    ],
)
def test_bytes_that_are_no_signed_roster_are_refused(data, said):
    with pytest.raises(ReleaseError, match=said):
        from_file(data)


def test_a_signature_longer_than_any_is_refused():
    tail = b'\n[[signatures]]\nkeyid = "k"\nsig = "' + b"AAAA" * (MAX_SIGNATURE_BYTES // 3 + 1) + b'"\n'
    with pytest.raises(ReleaseError, match="the length of a signature"):
        from_file(ONE.payload + MARK + tail)


def test_a_file_is_replaced_in_one_step_and_others_may_read_it(tmp_path):
    path = tmp_path / "roster.toml"
    for envelope in (ONE, with_signatures_of(ONE, "cyd")):
        write_envelope(path, envelope)
        assert read_envelope(path) == envelope
    assert [each.name for each in tmp_path.iterdir()] == ["roster.toml"]
    assert stat.S_IMODE(path.stat().st_mode) & 0o400


def test_an_endless_file_is_not_read_to_its_end(tmp_path):
    path = tmp_path / "roster.toml"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(ReleaseError, match="a roster may take"):
        read_envelope(path)


def test_what_cannot_be_written_is_an_output_error_and_leaves_the_old_file(tmp_path):
    path = tmp_path / "roster.toml"
    write_envelope(path, ONE)
    with pytest.raises(OutputError):
        write_envelope(path / "below", ONE)
    with pytest.raises(ReleaseError):
        write_envelope(path, Envelope(b"", "text/plain", ()))
    assert read_envelope(path) == ONE
