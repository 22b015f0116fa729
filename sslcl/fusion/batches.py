"""One batch of each of several models, padded to one shape."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sslcl.data.resident import ResidentSplit


@dataclass(frozen=True)
class StackedBatch:
    """A batch for each of ``M`` models, ``B`` conversations padded to ``T`` utterances.

    Args:
        features: modality name to ``(M, B, T, width)``, zero where padded.
        speakers: ``(M, B, T)`` int64.
        mask: ``(M, B, T)`` bool, true at utterances.
        lengths: ``(M, B)`` int64 on the CPU.
        places: ``(M, N)`` int64, where in ``(B T)`` the utterances of each model are, conversation
            by conversation; a model with fewer than ``N`` has padding at the end.
        labels: ``(M, N)`` int64 of those places, :data:`~sslcl.data.types.PAD_LABEL` where there is
            no utterance or one that is context only.
        envelope: ``B`` lengths in descending order, the largest over the models of each rank.
    """

    features: dict[str, Tensor]
    speakers: Tensor
    mask: Tensor
    lengths: Tensor
    places: Tensor
    labels: Tensor
    envelope: tuple[int, ...]

    @classmethod
    def of(cls, split: ResidentSplit, chosen: Sequence[Tensor]) -> "StackedBatch":
        """Gather the conversations that each model takes.

        Args:
            split: what all models are trained on.
            chosen: ``(B,)`` int64 on the CPU for each model, numbers of conversations.
        """
        numbers = torch.stack(list(chosen))  # (M, B)
        lengths = split.lengths[numbers]
        place = torch.arange(int(lengths.max()))  # (T,)
        mask = place < lengths[..., None]  # (M, B, T)
        padding = len(split.labels) - 1
        rows = torch.where(mask, split.starts[numbers][..., None] + place, padding)
        device = split.labels.device
        flat = mask.flatten(1)
        utterances = int(flat.sum(dim=1).max())
        # A stable sort leaves utterances in their order and puts padding behind them.
        places = (~flat).to(torch.uint8).argsort(dim=1, stable=True)[:, :utterances]
        own_rows = rows.flatten(1).gather(1, places)  # (M, N)
        everything = rows.flatten().to(device)
        return cls(
            features={
                name: x.index_select(0, everything).view(*rows.shape, -1)
                for name, x in split.features.items()
            },
            speakers=split.speakers[everything].view(rows.shape),
            mask=mask.to(device),
            lengths=lengths,
            places=places.to(device),
            labels=split.labels[own_rows.to(device)],
            envelope=tuple(lengths.sort(dim=1, descending=True).values.amax(dim=0).tolist()),
        )
