"""Tampering as the vectors under tests/vectors describe it: generic operations on a tree of lists, dicts, texts, bytes and numbers.

An operation names the stage that it happens at (`in`), where in that stage's tree (`at`, a list of keys and positions; "*": at each
leaf of it in turn) and what it does (`do`):
    set `to`, remove, flip (a bit in the middle, or in `byte`), cut `by` from the end, extend `by`, repeat (an item after itself),
    swap (two `items`), copy (what lies at `from`; only the `bytes` from one number to another, if these are given).
Values that JSON has no form for are objects with one key: {"$hex": "00ff"}, {"$zeros": 9}, {"$compressed zeros": 9}, {"$endless": 0},
{"$float": "nan"}, {"$now": -5} (seconds from the readers' now), {"$times": ["ab", 32]}.
"""

import zstandard

from tests.payload.examples import NOW


class NoSuchLeaf(Exception):
    """There are fewer leaves than that."""


class Endless:
    """A shard whose sender never stops."""


VALUES = {
    "$hex": bytes.fromhex,
    "$zeros": bytes,
    "$compressed zeros": lambda size: zstandard.compress(bytes(size)),
    "$endless": lambda _: Endless(),
    "$float": float,
    "$now": lambda seconds: NOW + seconds,
    "$times": lambda what: value(what[0]) * what[1],
}


def value(plain):
    if isinstance(plain, dict) and len(plain) == 1 and (key := next(iter(plain))).startswith("$"):
        return VALUES[key](plain[key])
    return plain


class Tampering:
    """Operations, applied stage by stage; `leaf` counts through the leaves where an operation is for each of them."""

    def __init__(self, operations, leaf=0):
        self._operations, self._leaf = operations, leaf
        self.done = 0

    def __call__(self, stage, tree):
        for operation in self._operations:
            if operation["in"] == stage:
                at = _leaf(tree, self._leaf) if operation["at"] == "*" else operation["at"]
                _apply(tree, at, operation)
                self.done += 1

    def touches(self, stage):
        return any(operation["in"] == stage for operation in self._operations)

    @property
    def is_for_each_leaf(self):
        return any(operation["at"] == "*" for operation in self._operations)

    @property
    def is_complete(self):
        return self.done == len(self._operations)


def _leaf(tree, number):
    places = list(_leaves(tree, []))
    if number >= len(places):
        raise NoSuchLeaf
    return places[number]


def _leaves(tree, at):
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, item in items:
        yield from _leaves(item, [*at, key])
    if not items and tree not in ({}, []):
        yield at


def _apply(tree, at, operation):
    do = operation["do"]
    if do == "swap":
        here, (first, second) = _at(tree, at), operation["items"]
        here[first], here[second] = here[second], here[first]
        return
    tree, last, root = _at(tree, at[:-1]), at[-1], tree
    here = None if do in ("set", "copy") else tree[last]
    if do == "set":
        tree[last] = value(operation["to"])
    elif do == "remove":
        del tree[last]
    elif do == "repeat":
        tree.insert(last, here)
    elif do == "copy":
        there, span = _at(root, operation["from"]), operation.get("bytes")
        tree[last] = there if span is None else tree[last][: span[0]] + there[span[0] : span[1]] + tree[last][span[1] :]
    elif do == "cut":
        tree[last] = here[: -operation["by"]]
    elif do == "extend":
        tree[last] = here + value(operation["by"])
    elif do == "flip":
        tree[last] = flipped(here, operation.get("byte"))
    else:
        raise ValueError(f"no operation {do}")


def _at(tree, at):
    for key in at:
        tree = tree[key]
    return tree


def flipped(leaf, byte=None):
    """A leaf -> the same with one bit changed."""
    if isinstance(leaf, bool):
        return not leaf
    if isinstance(leaf, int):
        return leaf ^ 1
    if isinstance(leaf, float):
        return -leaf or 1.0
    at = len(leaf) // 2 if byte is None else byte % len(leaf) if leaf else 0
    if isinstance(leaf, str):
        return leaf[:at] + chr(ord(leaf[at]) ^ 1) + leaf[at + 1 :] if leaf else "a"
    return leaf[:at] + bytes([leaf[at] ^ 1]) + leaf[at + 1 :]
