"""A split as tensors on the device, from which batches are gathered."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sslcl.data.types import PAD_LABEL, Batch, Split

_EVALUATION_BATCH = 32


@dataclass(frozen=True, eq=False)
class ResidentSplit:
    """All utterances of a split, one after the other, and one row of padding at the end.

    Args:
        features: modality name to ``(U + 1, width)`` on the device, the last row 0.
        speakers: ``(U + 1,)`` int64 on the device, the last one 0.
        labels: ``(U + 1,)`` int64 on the device, the last one :data:`PAD_LABEL`.
        starts: ``(K,)`` int64 on the CPU, first utterance of each conversation.
        lengths: ``(K,)`` int64 on the CPU.
        labelled: ``(K,)`` bool on the CPU, whether any utterance of the conversation has a label.
        names: conversation and utterance id of each utterance.
        complete: whether every utterance has a label.
    """

    features: dict[str, Tensor]
    speakers: Tensor
    labels: Tensor
    starts: Tensor
    lengths: Tensor
    labelled: Tensor
    names: tuple[tuple[str, str], ...]
    complete: bool = False

    @classmethod
    def of(
        cls,
        split: Split,
        modalities: Sequence[str],
        device: torch.device,
        standardise: Callable[[str, Tensor], Tensor],
    ) -> "ResidentSplit":
        """Put a split on the device, each modality standardised once.

        Args:
            split: its conversations, at least one.
            modalities: those to keep.
            device: where batches are needed.
            standardise: from a modality's name and ``(U, width)`` rows to rows of that shape.
        """
        conversations = list(split)
        lengths = torch.tensor([len(c) for c in conversations])
        features = {}
        for name in modalities:
            rows = standardise(name, torch.cat([c.features[name] for c in conversations]))
            features[name] = torch.cat([rows, rows.new_zeros(1, rows.shape[1])]).to(device)
        return cls(
            features=features,
            speakers=_ended([c.speakers for c in conversations], 0).to(device),
            labels=_ended([c.labels for c in conversations], PAD_LABEL).to(device),
            starts=lengths.cumsum(0) - lengths,
            lengths=lengths,
            labelled=torch.tensor([bool((c.labels != PAD_LABEL).any()) for c in conversations]),
            names=tuple((c.id, u) for c in conversations for u in c.utterance_ids),
            complete=all(bool((c.labels != PAD_LABEL).all()) for c in conversations),
        )

    def __len__(self) -> int:
        return len(self.lengths)

    def batch(self, chosen: Tensor) -> Batch:
        """The conversations of these numbers, in this order, padded to the longest of them.

        Args:
            chosen: ``(B,)`` int64 on the CPU.
        """
        lengths = self.lengths[chosen]
        place = torch.arange(int(lengths.max()))
        mask = place < lengths[:, None]
        padding = len(self.labels) - 1
        rows = torch.where(mask, self.starts[chosen, None] + place, padding)
        device = self.labels.device
        rows = rows.to(device, non_blocking=True)
        flat = rows.flatten()
        return Batch(
            features={
                name: x.index_select(0, flat).view(*rows.shape, -1)
                for name, x in self.features.items()
            },
            speakers=self.speakers[rows],
            labels=self.labels[rows],
            mask=mask.to(device, non_blocking=True),
            lengths=lengths,
            standardised=True,
            complete=self.complete,
        )

    def spans(self, order: Tensor) -> Iterator[tuple[int, int]]:
        """First utterance and length of each conversation of ``order``."""
        yield from zip(self.starts[order].tolist(), self.lengths[order].tolist(), strict=True)

    def batches(self, order: Tensor, size: int) -> Iterator[Batch]:
        """Batches of ``size`` conversations in the order given.

        Args:
            order: ``(B,)`` int64 on the CPU, numbers of conversations.
            size: the last batch may have fewer.
        """
        for chosen in torch.split(order, size):
            yield self.batch(chosen)

    def evaluation_batches(self) -> Iterator[Batch]:
        """All conversations, those of like lengths together: less padding, and no other scores."""
        return self.batches(self._by_length, _EVALUATION_BATCH)

    def joined(self, parts: Sequence[Tensor], dim: int = 0) -> Tensor:
        """What was read from :meth:`evaluation_batches`, in the order of the split's utterances.

        Args:
            parts: of each batch, with its utterances along ``dim``.
            dim: 0, or 1 where several models have read the batches.
        """
        together = torch.cat(list(parts), dim=dim)
        rows = torch.cat([torch.arange(n) + s for s, n in self.spans(self._by_length)])
        everything = torch.empty_like(together)
        everything.index_copy_(dim, rows.to(together.device), together)
        return everything

    @property
    def _by_length(self) -> Tensor:
        return self.lengths.argsort(stable=True)


def _ended(parts: list[Tensor], value: int) -> Tensor:
    joined = torch.cat(parts)
    return torch.cat([joined, joined.new_full((1,), value)])
