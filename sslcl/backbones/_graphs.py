"""What graphs share that have a node for each utterance in each modality.

Shapes: ``V`` views; ``B`` conversations padded to ``T`` utterances, ``N`` in all; ``M`` modalities
that some view has; ``P`` streams; ``D``, ``H`` widths.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sslcl.backbones._parts import present, total
from sslcl.backbones._recurrence import run_recurrent
from sslcl.data.types import Batch, View
from sslcl.dropout import Dropout


@dataclass(frozen=True)
class Streams:
    """The graphs of several views side by side: a stream of nodes for each modality of each view.

    No edge joins streams of different views. A stream begins with the nodes of its modality, which
    are alike in all views.

    Args:
        names: the ``M`` modalities that some view has, in the dataset's order.
        sources: place of each stream's modality among ``names``; ``P`` entries.
        modalities: place of each stream's modality among all modalities.
        views: place of each stream's view among the views, ascending.
    """

    names: tuple[str, ...]
    sources: tuple[int, ...]
    modalities: tuple[int, ...]
    views: tuple[int, ...]

    @classmethod
    def of(cls, views: Sequence[View], modalities: tuple[str, ...]) -> "Streams":
        """The streams of ``views``, view by view, each in the order of ``modalities``.

        Raises:
            InputError: when a view is empty or names a modality that there is not.
        """
        pairs = [(v, m) for v, view in enumerate(views) for m in present(view, modalities)]
        names = tuple(m for m in modalities if any(m == name for _, name in pairs))
        return cls(
            names,
            tuple(names.index(m) for _, m in pairs),
            tuple(modalities.index(m) for _, m in pairs),
            tuple(v for v, _ in pairs),
        )

    def together(self, device: torch.device) -> Tensor:
        """``(P, P)`` bool, true between the streams of one view."""
        views = torch.tensor(self.views, device=device)  # (P,)
        return views[:, None] == views  # (P, P)

    def linked(self, device: torch.device) -> Tensor:
        """``(P, P)`` bool, true between the different modalities of one view."""
        itself = torch.eye(len(self.views), dtype=torch.bool, device=device)
        return self.together(device) & ~itself  # (P, P)

    def split(self, x: Tensor, dim: int = 1) -> Tensor:
        """One entry for each stream along ``dim``, from one for each of the ``M`` modalities."""
        if self.sources == tuple(range(x.shape[dim])):
            return x
        return x.index_select(dim, torch.tensor(self.sources, device=x.device))


def beside(across: Tensor, h: Tensor) -> Tensor:
    """What nodes receive from the other streams at the same utterance, ``(B, P, T, D)``.

    Args:
        across: ``(B, T, P, P)`` weights, hearer before source.
        h: ``(B, P, T, D)`` nodes.
    """
    return (across.to(h.dtype) @ h.transpose(1, 2)).transpose(1, 2)


class ModalityNodes(nn.Module):
    """The nodes of each modality: y_m = W_m x_m + b_m, and for text its context RNN(drop(y_text)).

    ``text`` (or the first modality, where none is called so) is the anchor, which has the context.

    Args:
        widths: modality name to input width, in the dataset's order.
        width: ``D`` of the nodes, and of the network's input and output.
        context: batch-first network over the conversation.
        dropout: dropout probability.
        drops_all: whether dropout acts on the nodes of all modalities, or on the anchor's alone.
    """

    def __init__(
        self,
        widths: Mapping[str, int],
        width: int,
        context: nn.GRU | nn.LSTM,
        dropout: float,
        drops_all: bool,
    ) -> None:
        super().__init__()
        self.anchor = "text" if "text" in widths else next(iter(widths))
        self.project = nn.ModuleDict({name: nn.Linear(n, width) for name, n in widths.items()})
        self.context = context
        self.drop = Dropout(dropout)
        self.drops_all = drops_all

    def forward(self, batch: Batch, names: tuple[str, ...]) -> tuple[Tensor, Tensor]:
        """``(B, M, T, D)`` twice, without context and with it, for the modalities ``names``."""
        y = []
        for name in names:
            projected = self.project[name](batch.features[name])  # (B, T, D)
            dropped = self.drops_all or name == self.anchor
            y.append(self.drop(projected) if dropped else projected)
        nodes = list(y)
        if self.anchor in names:
            place = names.index(self.anchor)
            nodes[place] = run_recurrent(self.context, y[place], batch.lengths)  # (B, T, D)
        return torch.stack(y, dim=1), torch.stack(nodes, dim=1)


class StreamSum(nn.Module):
    """Late fusion, o_t = sum over the modalities m of the view of U_m h_mt + c_m.

    Args:
        modalities: all names, in the dataset's order.
        width: ``D`` of the nodes.
        output: ``H``.
    """

    def __init__(self, modalities: tuple[str, ...], width: int, output: int) -> None:
        super().__init__()
        self.out = nn.ModuleDict({name: nn.Linear(width, output) for name in modalities})

    def forward(self, h: Tensor, streams: Streams, mask: Tensor) -> Tensor:
        """``(V, N, H)`` from nodes ``(B, P, T, D)`` and the mask of utterances ``(B, T)``."""
        terms: list[list[Tensor]] = [[] for _ in range(streams.views[-1] + 1)]
        for stream, (source, view) in enumerate(zip(streams.sources, streams.views, strict=True)):
            terms[view].append(self.out[streams.names[source]](h[:, stream]))  # (B, T, H)
        return torch.stack([total(of_view)[mask] for of_view in terms])  # (V, N, H)
