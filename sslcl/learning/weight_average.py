"""The exponential average of a model's weights over the steps of training."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


class WeightAverage:
    """What the weights were on average over the last steps.

    After ``t`` steps, with ``w_i`` the weights after step ``i`` and decay ``d``::

        a_t = sum_i d^(t-i) w_i / sum_i d^(t-i)

    so that the initial weights count for nothing. Running means that inference reads are averaged
    with the weights they belong to. Counters are not, nor are the buffers of parts that say so by
    ``averaged = False``, such as a logit scale set on the first batch.

    Args:
        model: on its final device.
        decay: ``d`` in (0, 1); the average reaches back over about ``1 / (1 - d)`` steps.

    Source: Polyak and Juditsky (1992); the bias correction is that of Adam (arXiv 1412.6980).
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.steps = 0
        fixed = {
            f"{name}.{buffer}" if name else buffer
            for name, part in model.named_modules()
            if not getattr(part, "averaged", True)
            for buffer, _ in part.named_buffers()
        }
        self._live: dict[str, Tensor] = {
            name: tensor
            for name, tensor in model.state_dict().items()
            if tensor.is_floating_point() and name not in fixed
        }
        self._averages = {name: tensor.clone() for name, tensor in self._live.items()}

    @torch.no_grad()
    def update(self) -> None:
        """Take in the weights as they are after a step."""
        weight = self.weight_of_next()
        torch._foreach_lerp_(list(self._averages.values()), list(self._live.values()), weight)

    @property
    def names(self) -> tuple[str, ...]:
        """Parameters and buffers that are averaged."""
        return tuple(self._averages)

    def of(self, name: str) -> Tensor:
        """The average of one of :attr:`names`."""
        return self._averages[name]

    def join(self, model: nn.Module, averages: Mapping[str, Tensor]) -> None:
        """Go on in other tensors, which somebody else updates from now on.

        Args:
            model: that of before, whose tensors may be new ones.
            averages: by name, which have the values of before; others stay.
        """
        state = model.state_dict()
        self._live = {name: state[name] for name in self._live}
        self._averages.update(averages)

    def weight_of_next(self) -> float:
        """Count a step, and say how much of the average it is."""
        self.steps += 1
        return (1 - self.decay) / (1 - self.decay**self.steps)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Within, the model has the averaged weights; afterwards its own again, bit for bit."""
        own = [tensor.clone() for tensor in self._live.values()]
        self._put(list(self._averages.values()))
        try:
            yield
        finally:
            self._put(own)

    @torch.no_grad()
    def _put(self, values: list[Tensor]) -> None:
        torch._foreach_copy_(list(self._live.values()), values)

    def state_dict(self) -> dict[str, Any]:
        """The averages and the number of steps."""
        return {"averages": self._averages, "steps": self.steps}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a :meth:`state_dict`."""
        for name, tensor in state["averages"].items():
            self._averages[name].copy_(tensor)
        self.steps = state["steps"]
