"""Conversations, padded batches of them, and datasets with three splits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

PAD_LABEL = -1
"""Label of padding, and of utterances that are context only: they carry no loss and no score."""
View = frozenset[str]
"""A non-empty set of modality names: those that a model is given."""


@dataclass(frozen=True)
class Conversation:
    """``T`` utterances in order.

    Args:
        id: unique within the dataset.
        utterance_ids: ``T`` ids, unique within the conversation.
        speakers: ``(T,)`` int64, the n-th participant to speak, from 0.
        labels: ``(T,)`` int64 class indices, :data:`PAD_LABEL` where the utterance is context only.
        features: modality name to ``(T, width)`` float32.
    """

    id: str
    utterance_ids: tuple[str, ...]
    speakers: Tensor
    labels: Tensor
    features: Mapping[str, Tensor]

    def __len__(self) -> int:
        return len(self.utterance_ids)


@dataclass(frozen=True)
class Batch:
    """``B`` conversations padded to the longest, ``T`` utterances.

    Args:
        features: modality name to ``(B, T, width)``, zero where padded.
        speakers: ``(B, T)`` int64, 0 where padded.
        labels: ``(B, T)`` int64, :data:`PAD_LABEL` where padded.
        mask: ``(B, T)`` bool, true at utterances.
        lengths: ``(B,)`` int64, on the CPU.
        standardised: whether features are as the model standardises them.
        places: ``(N,)`` int64, where in ``(B T)`` the utterances are, where that is known without
            a look at the mask; several models trained as one may have some padding at the end.
        envelope: ``B`` lengths in descending order that bound those of several models' batches.
        complete: whether every utterance is known to have a label.
    """

    features: Mapping[str, Tensor]
    speakers: Tensor
    labels: Tensor
    mask: Tensor
    lengths: Tensor
    standardised: bool = False
    places: Tensor | None = None
    envelope: tuple[int, ...] | None = None
    complete: bool = False

    @classmethod
    def of(cls, conversations: Sequence[Conversation]) -> "Batch":
        """Pad ``conversations`` into one batch, in the order given."""
        lengths = torch.tensor([len(c) for c in conversations])
        longest = int(lengths.max())

        def pad(rows: list[Tensor], value: float) -> Tensor:
            return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=value)

        return cls(
            features={
                name: pad([c.features[name] for c in conversations], 0.0)
                for name in conversations[0].features
            },
            speakers=pad([c.speakers for c in conversations], 0),
            labels=pad([c.labels for c in conversations], PAD_LABEL),
            mask=torch.arange(longest) < lengths[:, None],
            lengths=lengths,
        )

    def to(self, device: torch.device) -> "Batch":
        """The batch on ``device``; ``lengths`` stays on the CPU, where packing needs it."""
        return replace(
            self,
            features={name: x.to(device) for name, x in self.features.items()},
            speakers=self.speakers.to(device),
            labels=self.labels.to(device),
            mask=self.mask.to(device),
        )

    def utterances(self, x: Tensor) -> Tensor:
        """``(N, D)`` of the utterances, conversation by conversation, from ``(B, T, D)``."""
        if self.places is None:
            return x[self.mask]
        return x.flatten(0, 1).index_select(0, self.places)

    @property
    def valid_labels(self) -> Tensor:
        """``(N,)`` labels of the utterances, conversation by conversation, context included."""
        return self.labels[self.mask]


Split = Sequence[Conversation]
"""The conversations of one split: a tuple, or slices of arrays made when asked for."""


@dataclass(frozen=True)
class Fold:
    """The conversations that test once, and what all others do meanwhile.

    Args:
        name: its number from 1, or the group that tests.
        train, validation, test: numbers of conversations among all of the corpus, from 0: those of
            its own training split first, then those of its validation and its test split.
    """

    name: str
    train: tuple[int, ...]
    validation: tuple[int, ...]
    test: tuple[int, ...]

    @property
    def parts(self) -> dict[str, tuple[int, ...]]:
        """The numbers of conversations by split."""
        return {"train": self.train, "validation": self.validation, "test": self.test}


@dataclass(frozen=True)
class Dataset:
    """A labelled corpus with three conversation-disjoint splits.

    Args:
        name: name in the catalog.
        label_names: class names in the order of the class indices.
        modalities: modality name to feature width, in the dataset's order.
        speakers: the most participants of any conversation.
        train, validation: splits that training and selection may read.
        test: the sealed split, or ``None`` where it has been taken away.
        fingerprint: SHA-256 of the content of all splits, labels and modalities.
        synthetic: whether it was generated rather than recorded.
        description: one or two sentences: what it is, source, licence.
        facts: further figures worth knowing, e.g. a known ceiling.
        notes: what a person should know besides: repairs, departures from the usual files.
        groups: what conversations can be grouped by, such as ``session``, to the group of each
            conversation (empty where it has none), numbered as in :class:`Fold`.
        own_folds: the folds that its owner asks for, see :func:`sslcl.data.folds.with_folds`.
        folds: those into which it is divided; none where its own splits are used.
        fold: the one whose splits these are; ``None`` for the whole corpus.
        places: of the dataset of a fold, split to the place of each of its utterances among all
            utterances of the corpus, from 0.
    """

    name: str
    label_names: tuple[str, ...]
    modalities: Mapping[str, int]
    speakers: int
    train: Split
    validation: Split
    test: Split | None
    fingerprint: str
    synthetic: bool = False
    description: str = ""
    facts: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    own_folds: str | None = None
    folds: tuple[Fold, ...] = ()
    fold: str | None = None
    places: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)

    def sealed(self) -> "Dataset":
        """The dataset without its test split: what search, stopping and pruning are given."""
        return replace(self, test=None)
