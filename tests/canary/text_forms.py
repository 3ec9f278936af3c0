"""Text -> the bytes and numbers that are written in it: base64, hexadecimal, JSON, Python's literals, columns of numbers."""

import ast
import base64
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import unquote_to_bytes

import numpy as np
from numpy.typing import NDArray

from tests.canary.unpacking import NUMBERS

LEAST_CHARACTERS = 24  # of base64: 18 bytes; keys have 32
LEAST_NUMBERS = 16
GAPS = re.compile(rb"(?:\\+[nrt]|&#(?:10|13);|[\s\"',])+")  # between the lines of PEM, also where a log or JSON has escaped them
HEX_GAPS = re.compile(rb"[\s:]+|(?:\\+|0)x")
BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{%d,}" % LEAST_CHARACTERS)
HEX = re.compile(rb"[0-9A-Fa-f]{32,}")
LITERAL = re.compile(rb"b'(?:[^'\\\n]|\\.)*'|b\"(?:[^\"\\\n]|\\.)*\"")
NUMBER = rb"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
NUMBER_RUN = re.compile(NUMBER + rb"(?:[\s,;\[\]()]+" + NUMBER + rb"){%d,}" % (LEAST_NUMBERS - 1))
CONTROL = re.compile(rb"[\0-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f]")
MOST_CONTROL = 0.02
STRETCH = re.compile(rb"[\t\n\r -~]{%d,}" % LEAST_CHARACTERS)
Inside = Iterator[tuple[str, "bytes | NDArray[np.generic]"]]


def base64_runs(data: bytes) -> Inside:
    """base64 of both alphabets, in lines or not, and whatever stands right before it: all four places where it may begin."""
    for run in _runs(BASE64, data, GAPS):
        plain = run.translate(bytes.maketrans(b"-_", b"+/"))
        for phase in range(4):
            whole = plain[phase:]
            yield "base64", base64.b64decode(whole[: len(whole) // 4 * 4] + _rest(whole))


def hexadecimal_runs(data: bytes) -> Inside:
    """Hexadecimal in either case, with colons or spaces between the bytes or not."""
    for run in _runs(HEX, data, HEX_GAPS):
        for phase in range(2):
            whole = run[phase:]
            yield "hexadecimal", bytes.fromhex(whole[: len(whole) // 2 * 2].decode())


def json_strings(data: bytes) -> Inside:
    """JSON, or JSON by the line: its strings, of which each may be anything again."""
    if not _is_text(data):
        return
    stripped = data.strip()
    pieces = [stripped] if stripped[:1] in (b"{", b"[", b'"') else []
    for piece in dict.fromkeys(pieces + [line for line in stripped.splitlines() if line[:1] in (b"{", b"[")]):
        with suppress(ValueError, RecursionError):
            for text in _strings(json.loads(piece)):
                yield "json", text.encode(errors="surrogatepass")


def python_literals(data: bytes) -> Inside:
    """Bytes as Python prints them: b'\\x00...'."""
    for literal in dict.fromkeys(LITERAL.findall(data)) if _is_text(data) else ():
        with suppress(ValueError, SyntaxError):
            found = ast.literal_eval(literal.decode("ascii"))
            if len(found) >= LEAST_NUMBERS:
                yield "literal", found


def numbers(data: bytes) -> Inside:
    """Sixteen numbers or more in a row, as lists, tensors, CSV and tables print them; whole ones below 256 as bytes, too."""
    for run in NUMBER_RUN.findall(data) if _is_text(data) else ():
        values = np.array([float(number) for number in re.findall(NUMBER, run)])
        yield NUMBERS, values
        if ((values >= 0) & (values < 256) & (values == np.round(values))).all():
            yield "numbers as bytes", values.astype(np.uint8).tobytes()


def percent_escapes(data: bytes) -> Inside:
    """What a data: URI may write instead of base64."""
    if b"data:" in data and b"%" in data and _is_text(data):
        yield "percent escapes", unquote_to_bytes(data)


def _runs(pattern: re.Pattern[bytes], data: bytes, gaps: re.Pattern[bytes]) -> list[bytes]:
    """All runs in a text, as they stand and across the gaps. What is no text comes here again in stretches of it."""
    return list(dict.fromkeys(pattern.findall(data) + pattern.findall(gaps.sub(b"", data)))) if _is_text(data) else []


def _rest(run: bytes) -> bytes:
    """The last characters of an unpadded run, padded; one alone says nothing."""
    left = run[len(run) // 4 * 4 :]
    return left + b"=" * (4 - len(left)) if len(left) > 1 else b""


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for one in value:
            yield from _strings(one)
    elif isinstance(value, dict):
        for key, one in value.items():
            yield key
            yield from _strings(one)


def stretches_of_text(data: bytes) -> Inside:
    """Bytes that are no text -> the stretches of text in them, as a database's pages have."""
    for stretch in () if _is_text(data) else STRETCH.findall(data):
        yield "text", stretch


def _is_text(data: bytes) -> bool:
    """Whether the start of it is free of the bytes that no text has; every ninth byte of noise is one of them."""
    start = data[:4096]
    return len(CONTROL.findall(start)) <= MOST_CONTROL * len(start)


TEXT_FORMS = (stretches_of_text, base64_runs, hexadecimal_runs, json_strings, python_literals, numbers, percent_escapes)
