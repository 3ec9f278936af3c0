"""Where and how precisely tensors are computed: device, precision, memory layout."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from dpm_flower.core.errors import SettingError
from dpm_flower.core.fitting import Precision
from dpm_flower.core.labelled import as_floats


@dataclass(frozen=True, slots=True)
class Compute:
    """A device and whether networks run in bfloat16 there (losses and weights stay float32)."""

    device: torch.device
    mixed: bool

    @classmethod
    def choose(cls, device: str = "auto", precision: Precision = "auto") -> "Compute":
        """Device and precision as a study names them -> what this machine has; "auto": a GPU before the CPU, bfloat16 where native.

        Raises SettingError for a device that this machine does not have.
        """
        name = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
        try:
            chosen = torch.device(name)
            torch.empty(1, device=chosen)
        except (RuntimeError, AssertionError) as err:
            raise SettingError(f'wanted device "auto" or one that this machine has, got {device!r}: {err}') from err
        return cls(chosen, precision == "bfloat16" or (precision == "auto" and _computes_bfloat16(chosen)))

    def autocast(self) -> AbstractContextManager[object]:
        """The context in which networks run; losses belong outside it, since SSIM loses its digits in bfloat16."""
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.mixed)

    def in_float32(self) -> "Compute":
        """The same device without bfloat16, for what is small and must be precise."""
        return replace(self, mixed=False)

    def place(self, tensor: Tensor) -> Tensor:
        """A batch on this device; images and features (rank 4) in channels_last, which convolutions prefer (a fifth faster on CPU).

        Images as bytes (B,C,H,W) become floats in [0,1], on the device: a quarter as much has to go there.
        """
        if tensor.ndim != 4:
            return tensor.to(self.device)
        placed = tensor.to(self.device, memory_format=torch.channels_last)
        return as_floats(placed) if placed.dtype == torch.uint8 else placed

    def place_module(self, module: nn.Module) -> nn.Module:
        """Moves the module itself, weights in channels_last, and returns it."""
        for parameter in (*module.parameters(), *module.buffers()):
            parameter.data = self.place(parameter.data)
        return module


def _computes_bfloat16(device: torch.device) -> bool:
    """Whether the device multiplies in bfloat16 itself; where it only imitates that, float32 is faster."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    capabilities = torch.cpu.get_capabilities()
    return device.type == "cpu" and any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16"))


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Torch computes with `count` threads inside the block: results differ between counts, so the count belongs to the study."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
