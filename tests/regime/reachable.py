"""Everything that can be got at from a Python object: through fields, containers, bound methods, closures and default arguments."""

import dataclasses
import functools
import types
from collections.abc import Iterable, Iterator, Mapping

import torch
from torch import Tensor

ENDS = (str, bytes, int, float, bool, type(None), type, types.ModuleType, torch.Generator, torch.device, torch.dtype, torch.Size)


def tensors_from(start: object, *, opaque: tuple[object, ...] = ()) -> list[Tensor]:
    """All tensors that can be reached from `start`; nothing behind the `opaque` objects is looked at."""
    seen = {id(each): each for each in opaque}  # held, or another object may be born with the number of one that died
    found, waiting = list[Tensor](), [start]
    while waiting:
        each = waiting.pop()
        if id(each) in seen or isinstance(each, ENDS):
            continue
        seen[id(each)] = each
        if isinstance(each, Tensor):
            found.append(each)
        waiting.extend(_next(each))
    return found


def _next(each: object) -> Iterator[object]:
    if isinstance(each, Mapping):
        yield from each.items()
    elif isinstance(each, list | tuple | set | frozenset):
        yield from each
    if isinstance(each, functools.partial):
        yield from (each.func, each.args, each.keywords)
    if isinstance(each, types.MethodType):
        yield from (each.__self__, each.__func__)
    if isinstance(each, types.FunctionType):
        yield from (each.__defaults__, each.__kwdefaults__, each.__dict__)
        yield from (cell.cell_contents for cell in each.__closure__ or ())
    if not isinstance(each, Tensor | types.FunctionType | types.MethodType):
        yield from vars(each).values() if hasattr(each, "__dict__") else ()
        slots = [name for kind in type(each).__mro__ for name in _listed(getattr(kind, "__slots__", ()))]
        yield from (getattr(each, name, None) for name in slots if name not in ("__weakref__", "__dict__"))
        if dataclasses.is_dataclass(each):
            yield from (getattr(each, field.name, None) for field in dataclasses.fields(each))


def _listed(slots: str | Iterable[str]) -> Iterable[str]:
    return (slots,) if isinstance(slots, str) else slots


def shares_with(one: Tensor, others: Iterable[Tensor]) -> bool:
    """Whether a tensor lies in the memory of any of the others, or has their values, or for pictures the values of any of theirs."""
    return any(one.untyped_storage().data_ptr() == other.untyped_storage().data_ptr() or _alike(one, other) for other in others)


def _alike(one: Tensor, other: Tensor) -> bool:
    if one.dtype != other.dtype or one.ndim != other.ndim or not one.numel() or not other.numel():
        return False
    if one.ndim == 4 and one.shape[1:] == other.shape[1:]:
        rows = {row.numpy().tobytes() for row in other.detach().contiguous()}
        return any(row.numpy().tobytes() in rows for row in one.detach().contiguous())
    return torch.equal(one, other)
