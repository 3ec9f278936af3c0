"""`dpm-flower audit-log`: a pool's folder -> its audit log, read or verified; nothing is written."""

import json
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from dpm_flower.apps.refusal import exit_code
from dpm_flower.exchange import layout
from dpm_flower.exchange.audit_log import AuditLog
from dpm_flower.payload import rules


def verify(pool: Path, known_heads: Sequence[str]) -> int:
    """A pool and heads that peers hold of its log -> the exit code, after the log's own head or the first entry that was changed."""

    def work() -> None:
        heads = [rules.sha256(head, "a known head") for head in known_heads]
        print(AuditLog(pool / layout.AUDIT_LOG).verify(heads))

    return exit_code(work)


def show(pool: Path, last: int | None) -> int:
    """A pool and how many entries from the end, or None for all -> the exit code, after a line for each entry."""

    def work() -> None:
        entries = AuditLog(pool / layout.AUDIT_LOG).entries()
        for entry in entries if last is None else deque(entries, last):
            at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(entry.at))
            print(f"{entry.number:6d}  {at}  {entry.event:10s}  {json.dumps(dict(entry.details))}")

    return exit_code(work)
