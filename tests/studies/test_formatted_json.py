import json
from dataclasses import dataclass

import pytest

from dpm_flower.core.errors import StudyError
from dpm_flower.studies.formatted_json import JsonFormat


@dataclass(frozen=True)
class Note:
    words: tuple[str, ...]
    weight: float = 1.0


NOTES, OTHERS = JsonFormat(Note, "notes 1", "a note"), JsonFormat(Note, "notes 2", "a newer note")
NOTE = Note(("bücher", "a\nb"), 0.1)


def test_a_value_comes_back_from_its_text_and_from_its_file(tmp_path):
    assert NOTES.value(NOTES.text(NOTE), "here") == NOTE
    (tmp_path / "note.json").write_text(NOTES.text(NOTE), encoding="utf-8")
    assert NOTES.read(tmp_path / "note.json") == NOTE


def test_another_format_is_refused():
    with pytest.raises(StudyError, match='here does not say that its format is "notes 2"'):
        OTHERS.value(NOTES.text(NOTE), "here")


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", json.dumps({"format": "notes 1", "words": 3})])
def test_what_is_no_such_file_is_refused_with_its_place(text):
    with pytest.raises(StudyError, match="here"):
        NOTES.value(text, "here")


def test_infinity_is_no_json():
    with pytest.raises(ValueError, match="JSON compliant"):
        NOTES.text(Note((), float("inf")))


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_file_that_is_missing_or_no_text_is_refused(tmp_path, content):
    if content is not None:
        (tmp_path / "note.json").write_bytes(content)
    with pytest.raises(StudyError, match=r"wanted a note in .*note\.json, but"):
        NOTES.read(tmp_path / "note.json")
