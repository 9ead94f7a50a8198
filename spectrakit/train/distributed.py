"""Several processes as one training: joining, gathering negatives, agreeing on one answer."""

import json
import os
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist

PATIENCE = timedelta(hours=2)  # the others wait while the first process validates or writes


def join(device: str, world: int) -> None:
    """Join the processes that torchrun started, once; alone, do nothing.

    A group is never made twice: the second would find the addresses of the first in torchrun's
    store and wait for ever.

    Args:
        device: ``cpu`` (gloo) or ``cuda:N`` (nccl).
        world: number of processes.
    """
    if world == 1 or dist.is_initialized():
        return
    on_cuda = device.startswith("cuda")
    if on_cuda:
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if on_cuda else "gloo", timeout=PATIENCE)


def leave() -> None:
    """Leave the other processes, at the end of a training that went well."""
    if dist.is_available() and dist.is_initialized():
        dist.destroy_process_group()


def own_device(device: str) -> str:
    """Return the device of this process: with several, one GPU for each on this computer."""
    local = os.environ.get("LOCAL_RANK")
    return f"cuda:{local}" if device.startswith("cuda") and local is not None else device


def _alone() -> bool:
    return not (dist.is_available() and dist.is_initialized()) or dist.get_world_size() == 1


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, own: torch.Tensor) -> torch.Tensor:
        parts = [torch.empty_like(own) for _ in range(dist.get_world_size())]
        dist.all_gather(parts, own.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: torch.Tensor) -> torch.Tensor:
        whole = grad_outputs[0].contiguous()
        dist.all_reduce(whole)
        return whole.chunk(dist.get_world_size())[dist.get_rank()]


def gather_with_grad(own: torch.Tensor) -> torch.Tensor:
    """Return the rows of all processes, (world · n, ...), gradients flowing back to each.

    For in-batch negatives: the loss over gathered rows, averaged over the processes as the loop
    does it, has the gradient of one process with the whole batch. Every process must give
    equally many rows. Where no gradient is wanted (validation is done by one process) or there
    is one process only, ``own`` is returned.
    """
    if _alone() or not torch.is_grad_enabled():
        return own
    return _Gather.apply(own)  # pyright: ignore[reportReturnType]  # torch types it as Any | None


def own_rows(n: int) -> slice:
    """Return where the n rows of this process are among the gathered ones."""
    rank = 0 if _alone() or not torch.is_grad_enabled() else dist.get_rank()
    return slice(rank * n, (rank + 1) * n)


def summed(values: Sequence[float], device: str) -> list[float]:
    """Return numbers summed over all processes."""
    if _alone():
        return list(values)
    tensor = torch.tensor(values, dtype=torch.float64, device=device)
    dist.all_reduce(tensor)
    return tensor.tolist()


def from_first(values: Mapping[str, float], rank: int, device: str) -> dict[str, float]:
    """Return the named numbers that the first process has, to all."""
    if _alone():
        return dict(values)
    text = json.dumps(dict(values)).encode() if rank == 0 else b""
    size = int(summed([len(text)], device)[0])
    held = torch.zeros(size, dtype=torch.uint8, device=device)
    if rank == 0:
        held.copy_(torch.frombuffer(bytearray(text), dtype=torch.uint8))
    dist.broadcast(held, src=0)
    return json.loads(bytes(held.tolist()))
