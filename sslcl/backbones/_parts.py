"""Small parts that several architectures share.

Shapes: ``V`` views; ``B`` conversations padded to ``T`` utterances; ``D``, ``E`` widths; ``R``
relations. Stacked views are ``V B`` conversations, view by view.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from sslcl.data.types import Batch, View
from sslcl.errors import InputError, unknown


def present(view: View, modalities: tuple[str, ...]) -> tuple[str, ...]:
    """The modalities of a view in the dataset's order, which fixes the order of every sum.

    Raises:
        InputError: when the view is empty or names a modality that there is not.
    """
    for name in view:
        if name not in modalities:
            raise unknown("modality", name, modalities, "view")
    if not view:
        raise InputError(f"the view is empty: expected some of {', '.join(modalities)}")
    return tuple(name for name in modalities if name in view)


def union(chosen: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """All modalities of several views, each once."""
    return tuple(dict.fromkeys(name for names in chosen for name in names))


def total(terms: Sequence[Tensor]) -> Tensor:
    """The sum of tensors of one shape, from the first to the last."""
    first, *others = terms
    for term in others:
        first = first + term
    return first


def repeated(batch: Batch, views: int) -> Batch:
    """The conversations of a batch once for each view, view by view, without their features."""
    return replace(
        batch,
        features={},
        speakers=batch.speakers.repeat(views, 1),
        labels=batch.labels.repeat(views, 1),
        mask=batch.mask.repeat(views, 1),
        lengths=batch.lengths.repeat(views),
        places=_repeated_places(batch, views),
        envelope=batch.envelope and tuple(n for n in batch.envelope for _ in range(views)),
    )


def _repeated_places(batch: Batch, views: int) -> Tensor | None:
    if batch.places is None:
        return None
    first = torch.arange(views, device=batch.mask.device)[:, None] * batch.mask.numel()  # (V, 1)
    return (first + batch.places).flatten()  # (V N)


@dataclass(frozen=True)
class Utterances:
    """Where the ``N`` utterances of padded conversations lie.

    What acts on each utterance by itself is cheaper on their rows, ``(N, ...)``, than on padded
    conversations.

    Args:
        mask: ``(B, T)`` bool, true at utterances.
        places: ``(N,)`` int64, their places in ``(B T)``, conversation by conversation; several
            models trained as one may have some padding at the end.
    """

    mask: Tensor
    places: Tensor

    @classmethod
    def of(cls, mask: Tensor, places: Tensor | None = None) -> "Utterances":
        """The utterances of a mask ``(B, T)``, at ``places`` where these are known."""
        return cls(mask, mask.flatten().nonzero()[:, 0] if places is None else places)

    def rows(self, padded: Tensor) -> Tensor:
        """``(N, ...)`` of ``(B, T, ...)``."""
        return padded.flatten(0, 1).index_select(0, self.places)

    def padded(self, rows: Tensor) -> Tensor:
        """``(B, T, ...)`` of ``(N, ...)``, zero at padding."""
        empty = rows.new_zeros(self.mask.numel(), *rows.shape[1:])
        whole = empty.index_copy(0, self.places, rows)
        return whole.view(*self.mask.shape, *rows.shape[1:])


def by_view(rows: Tensor, views: Sequence[View]) -> Tensor:
    """``(V, N, D)`` from the rows of stacked views, ``(V N, D)``."""
    return rows.view(len(views), -1, rows.shape[-1])


def bidirectional(
    cell: type[nn.GRU] | type[nn.LSTM], width: int, hidden: int, layers: int, dropout: float
) -> nn.GRU | nn.LSTM:
    """A batch-first network that reads both ways, with dropout between its layers.

    Args:
        cell: GRU or LSTM.
        width: ``D`` of the input.
        hidden: width of the states of one direction, half of ``E``.
        layers: layers, at least 1.
        dropout: dropout probability.
    """
    between = dropout if layers > 1 else 0.0
    return cell(width, hidden, layers, batch_first=True, bidirectional=True, dropout=between)


class ModalitySum(nn.Module):
    """Early fusion, x_t = sum over the modalities m of the view of W_m x_mt + b_m.

    On the full view this is one linear layer over the concatenated modalities. A modality outside
    the view leaves the sum altogether, its bias too; its values are not read.

    Args:
        widths: modality name to input width.
        width: ``D``, the output width.
    """

    def __init__(self, widths: Mapping[str, int], width: int) -> None:
        super().__init__()
        self.project = nn.ModuleDict({name: nn.Linear(n, width) for name, n in widths.items()})

    def forward(self, batch: Batch, views: Sequence[View]) -> Tensor:
        """``(V B, T, D)``; padded positions hold the biases, so they must be masked later."""
        return self._summed(batch.features, views)

    def rows(self, batch: Batch, views: Sequence[View]) -> Tensor:
        """``(V N, D)``, of the utterances alone."""
        utterances = Utterances.of(batch.mask, batch.places)
        names = union([present(view, tuple(self.project)) for view in views])
        return self._summed({m: utterances.rows(batch.features[m]) for m in names}, views)

    def _summed(self, features: Mapping[str, Tensor], views: Sequence[View]) -> Tensor:
        chosen = [present(view, tuple(self.project)) for view in views]
        terms = {m: self.project[m](features[m]) for m in union(chosen)}  # (..., D) each
        return torch.cat([total([terms[m] for m in names]) for names in chosen])


def masked_softmax(scores: Tensor, mask: Tensor) -> Tensor:
    """Softmax over the last axis where ``mask`` is true, 0 elsewhere; a row of none is all 0."""
    lowest = torch.finfo(scores.dtype).min
    return scores.masked_fill(~mask, lowest).softmax(dim=-1) * mask


class General2Attention(nn.Module):
    """Attention of every utterance over all of its conversation ("general2").

    s_ti = tanh((W h_t + b) . h_i);  a_t = softmax of s_t over the utterances i;
    out_t = sum over i of a_ti h_i.

    The tanh bounds the scores, so that no weight exceeds another by more than e^2.

    Source: the released code of DialogueRNN (Majumder et al. 2019, arXiv 1811.00405).

    Args:
        width: ``D`` of the states.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.query = nn.Linear(width, width)

    def forward(self, h: Tensor, mask: Tensor) -> Tensor:
        """``(B, T, D)`` from states ``(B, T, D)`` and the mask of utterances ``(B, T)``."""
        scores = torch.tanh(self.query(h) @ h.transpose(1, 2))  # (B, T, T)
        weights = masked_softmax(scores, mask[:, None, :])  # (B, T, T)
        return weights @ h  # (B, T, D)


def window_edges(mask: Tensor, past: int, future: int) -> Tensor:
    """Who hears whom: ``[b, i, j]`` is true when utterance j lies in the window of utterance i.

    The window reaches ``past`` utterances back and ``future`` ahead and holds i itself.

    Args:
        mask: ``(B, T)`` bool, true at utterances.
        past: at least 0.
        future: at least 0.

    Returns:
        ``(B, T, T)`` bool, false at padding.
    """
    position = torch.arange(mask.shape[1], device=mask.device)  # (T,)
    ahead = position[None, :] - position[:, None]  # (T, T), j - i
    near = (ahead >= -past) & (ahead <= future)  # (T, T)
    return near & mask[:, :, None] & mask[:, None, :]  # (B, T, T)


def speaker_relations(speakers: Tensor) -> Tensor:
    """The four relations between a hearer i and a source j: same or other speaker, earlier or not.

    Args:
        speakers: ``(B, T)`` int64.

    Returns:
        ``(B, 4, T, T)`` bool, ``[b, r, i, j]``: (same, j < i), (same, j >= i), (other, j < i),
        (other, j >= i). Exactly one holds for every pair.
    """
    position = torch.arange(speakers.shape[1], device=speakers.device)  # (T,)
    same = speakers[:, :, None] == speakers[:, None, :]  # (B, T, T)
    earlier = position[None, :] < position[:, None]  # (T, T)
    return torch.stack([same & earlier, same & ~earlier, ~same & earlier, ~same & ~earlier], dim=1)


class RelationalConv(nn.Module):
    """R-GCN layer, x_i = W_0 h_i + b + sum over r and j of a_rij W_r h_j.

    Source: Schlichtkrull et al. 2018, arXiv 1703.06103, with the edge weight a_rij in
    the place of 1 / c_ir and the nonlinearity left to the caller.

    Args:
        width: ``D`` of the input.
        output: ``E`` of the output.
        relations: ``R``.
    """

    def __init__(self, width: int, output: int, relations: int) -> None:
        super().__init__()
        self.root = nn.Linear(width, output)
        self.relation = nn.Parameter(torch.empty(relations, width, output))
        bound = width**-0.5  # the range of nn.Linear
        nn.init.uniform_(self.relation, -bound, bound)

    def forward(self, h: Tensor, weights: Tensor) -> Tensor:
        """``(B, T, E)`` from nodes ``(B, T, D)`` and edge weights ``(B, R, T, T)``."""
        maps = self.relation.transpose(0, 1).flatten(1)  # (D, R E)
        sent = (h @ maps).view(*h.shape[:2], len(self.relation), -1)  # (B, T, R, E)
        by_source = sent.transpose(1, 2).flatten(1, 2)  # (B, R T, E)
        received = weights.transpose(1, 2).flatten(2).to(sent.dtype) @ by_source  # (B, T, E)
        x: Tensor = self.root(h) + received  # (B, T, E)
        return x
