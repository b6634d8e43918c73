# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The processes that train together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
import importlib
import os

import torch
from torch import distributed, nn, Tensor


@dataclass(frozen=True)
class Team:
    """The processes that train together, as one of them sees them."""

    rank: int = 0
    size: int = 1
    device: torch.device = torch.device('cpu')

    @property
    def leads(self) -> bool:
        """Whether this process is the one that writes."""
        return self.rank == 0

    @property
    def part(self) -> slice:
        """Which samples of a batch are this process's."""
        return slice(self.rank, None, self.size)

    def agree(self, flag: bool) -> bool:
        """Return whether the flag is up in any process."""
        if self.size == 1:
            return flag
        flags = torch.tensor(int(flag), device=self.device)
        distributed.all_reduce(flags, distributed.ReduceOp.MAX)
        return bool(flags)

    def average(self, tensors: Iterable[Tensor]) -> None:
        """Replace each tensor by its average over the processes."""
        if self.size == 1:
            return
        # Not by DistributedDataParallel, which would keep the group alive as long as the run.
        tensors = list(tensors)
        joined = nn.utils.parameters_to_vector(tensors)
        distributed.all_reduce(joined)
        nn.utils.vector_to_parameters(joined / self.size, tensors)


@contextmanager
def joined(device: str | None) -> Iterator[Team]:
    """
    Join the processes that torchrun started, if it did.

    :param device: of a process alone; None takes CUDA where there is one
    """
    size, rank = int(os.environ.get('WORLD_SIZE', 1)), int(os.environ.get('RANK', 0))
    cuda = torch.cuda.is_available() if device is None else torch.device(device).type == 'cuda'
    if size == 1:
        yield Team(device=torch.device(device or ('cuda' if cuda else 'cpu')))
        return
    own = torch.device('cuda', int(os.environ.get('LOCAL_RANK', 0))) if cuda \
        else torch.device('cpu')
    if cuda:
        torch.cuda.set_device(own)
    # Its functions keep the group that there is when it is first imported, which optimisers do:
    # that group's threads would go on, and now and then abort the process at its end.
    importlib.import_module('torch.distributed.nn.functional')
    distributed.init_process_group('nccl' if cuda else 'gloo')
    try:
        yield Team(rank, size, own)
    finally:
        distributed.destroy_process_group()
