"""A split as a few flat arrays: opened from disk or shared memory without a copy."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, overload

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sslcl.data.types import Conversation, Split

_FEATURE = "features."


@dataclass(frozen=True, eq=False)
class FlatSplit(Sequence[Conversation]):
    """Conversations as slices of arrays, made when they are asked for.

    Pickled with protocol 5 the arrays travel out of band, so that the processes of a machine can
    share one copy of them.

    Args:
        ids: ``(K,)`` conversation ids.
        offsets: ``(K + 1,)`` int64, first row of each conversation, and the end.
        utterance_ids: ``(N,)`` text.
        speakers: ``(N,)`` int64.
        labels: ``(N,)`` int64.
        features: modality name to ``(N, width)`` float32.
    """

    ids: NDArray[np.str_]
    offsets: NDArray[np.int64]
    utterance_ids: NDArray[np.str_]
    speakers: NDArray[np.int64]
    labels: NDArray[np.int64]
    features: Mapping[str, NDArray[np.float32]]

    @classmethod
    def of(cls, split: Split, modalities: Sequence[str]) -> "FlatSplit":
        """The same conversations, flat."""
        lengths = [len(conversation) for conversation in split]
        return cls(
            ids=np.array([c.id for c in split], dtype=np.str_),
            offsets=np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]),
            utterance_ids=np.array([u for c in split for u in c.utterance_ids], dtype=np.str_),
            speakers=torch.cat([c.speakers for c in split]).numpy(),
            labels=torch.cat([c.labels for c in split]).numpy(),
            features={m: torch.cat([c.features[m] for c in split]).numpy() for m in modalities},
        )

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays by name, as :meth:`from_arrays` takes them."""
        own = ("ids", "offsets", "utterance_ids", "speakers", "labels")
        features = {f"{_FEATURE}{name}": x for name, x in self.features.items()}
        return {**{name: getattr(self, name) for name in own}, **features}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> "FlatSplit":
        """The split of :meth:`arrays`."""
        # A subclass such as np.memmap would be copied when it is pickled.
        plain = {name: x.view(np.ndarray) for name, x in arrays.items()}
        features = {
            name.removeprefix(_FEATURE): x for name, x in plain.items() if name.startswith(_FEATURE)
        }
        own = {name: x for name, x in plain.items() if not name.startswith(_FEATURE)}
        return cls(**own, features=features)

    @cached_property
    def _tensors(self) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        with warnings.catch_warnings():
            # Shared memory and mapped files are read-only, and nobody here writes to a split.
            warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
            features = {name: torch.from_numpy(x) for name, x in self.features.items()}
            return torch.from_numpy(self.speakers), torch.from_numpy(self.labels), features

    def __getstate__(self) -> dict[str, Any]:
        """The arrays alone: tensors would be pickled by copy."""
        return {name: value for name, value in self.__dict__.items() if name != "_tensors"}

    def __len__(self) -> int:
        return len(self.ids)

    @overload
    def __getitem__(self, index: int) -> Conversation: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[Conversation, ...]: ...

    def __getitem__(self, index: int | slice) -> Conversation | tuple[Conversation, ...]:
        if isinstance(index, slice):
            return tuple(self._one(i) for i in range(*index.indices(len(self))))
        if not -len(self) <= index < len(self):
            raise IndexError(f"conversation {index} of {len(self)}")
        return self._one(index % len(self))

    def _one(self, index: int) -> Conversation:
        rows = slice(int(self.offsets[index]), int(self.offsets[index + 1]))
        speakers, labels, features = self._tensors
        return Conversation(
            id=str(self.ids[index]),
            utterance_ids=tuple(self.utterance_ids[rows].tolist()),
            speakers=speakers[rows],
            labels=labels[rows],
            features={name: x[rows] for name, x in features.items()},
        )
