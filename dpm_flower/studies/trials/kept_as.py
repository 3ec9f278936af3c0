"""Where trials keep what several of them build on: a name, and all that it depends on -> a folder."""

import hashlib


def kept_as(name: str, settings: str) -> str:
    """What is kept and the repr of all that it depends on -> a folder's name; others have others."""
    return f"{name} {hashlib.sha256(settings.encode()).hexdigest()[:12]}"
