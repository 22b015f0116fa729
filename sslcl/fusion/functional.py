"""Modules as functions of the weights and numbers of each of several models."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


class Method(nn.Module):
    """A method of a module as a forward pass, which is what can be called on other weights."""

    def __init__(self, module: nn.Module, method: str) -> None:
        super().__init__()
        self.module = module
        self.method = method

    def forward(self, *args: Any) -> Tensor:
        """The method's result."""
        result: Tensor = getattr(self.module, self.method)(*args)
        return result


def own_numbers(numbers: Sequence[float]) -> Tensor | None:
    """``(M,)`` numbers of the models; ``None`` where all have the same, which costs less."""
    return torch.tensor(numbers) if len(set(numbers)) > 1 else None


@contextmanager
def dropout_of(module: nn.Module, probability: Tensor | None) -> Iterator[None]:
    """Within, all dropout in ``module`` has this probability; its own where that is ``None``.

    Args:
        module: in which all dropout has one probability.
        probability: a scalar, of each model under :func:`torch.func.vmap`.
    """
    before: list[tuple[nn.Module, str, object]] = []
    if probability is not None:
        for part in module.modules():
            if isinstance(part, nn.Dropout):
                before.append((part, "p", part.p))
            elif isinstance(part, nn.RNNBase) and part.num_layers > 1:
                before.append((part, "dropout", part.dropout))
    try:
        for part, name, _ in before:
            setattr(part, name, probability)
        yield
    finally:
        for part, name, own in before:
            setattr(part, name, own)
