"""Weight averages of several models, updated together."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from sslcl.training import Trainer


class JointAverages:
    """The members' weight averages, joined.

    Args:
        members: trainers that all have one.
        weights: ``(M, P)``.
        buffers: by name, ``(M, ...)``, those of the objective that are averaged.
    """

    def __init__(
        self, members: Sequence[Trainer], weights: Tensor, buffers: Mapping[str, Tensor]
    ) -> None:
        self._own = [member.average for member in members if member.average]
        self._weights = weights
        self._buffers = buffers

    @classmethod
    def of(
        cls, members: Sequence[Trainer], buffers: Mapping[str, Tensor]
    ) -> "JointAverages | None":
        """Of members as they are; ``None`` where they average nothing."""
        own = [member.average for member in members if member.average]
        if not own:
            return None
        names = [name for name, _ in members[0].model.named_parameters()]
        rows = [torch.cat([average.of(name).flatten() for name in names]) for average in own]
        averaged = set(own[0].names) & set(buffers)
        stacked = {n: torch.stack([average.of(n) for average in own]) for n in sorted(averaged)}
        return cls(members, torch.stack(rows), stacked)

    def of_member(self, number: int, shapes: Mapping[str, torch.Size]) -> dict[str, Tensor]:
        """By name, views of one member's part."""
        parts = self._weights[number].split_with_sizes([s.numel() for s in shapes.values()])
        views = {n: x.view(shape) for x, (n, shape) in zip(parts, shapes.items(), strict=True)}
        return views | {name: stacked[number] for name, stacked in self._buffers.items()}

    def update(self, weights: Tensor, buffers: Mapping[str, Tensor], taught: Tensor) -> None:
        """Take in weights and buffers as they are after a step, of models that it has taught.

        Args:
            weights: ``(M, P)``.
            buffers: by name, ``(M, ...)``.
            taught: ``(M,)`` bool.
        """
        shares = torch.tensor(
            [
                own.weight_of_next() if one else 0.0
                for own, one in zip(self._own, taught.tolist(), strict=True)
            ]
        )
        self._weights.lerp_(weights, shares[:, None])
        for name, stacked in self._buffers.items():
            stacked.lerp_(buffers[name], shares.view(-1, *(1,) * (stacked.dim() - 1)))
