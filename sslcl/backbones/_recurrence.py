"""Recurrent networks over conversations of different lengths, fast on the CPU.

PyTorch's packed networks take a dozen small operations a step, each with its record for the
gradient. Here a layer's directions run side by side in one loop of a few operations, and the
gradient is written out. The results are those of :class:`torch.nn.GRU` and :class:`torch.nn.LSTM`.

Shapes: ``K`` cells side by side; ``B`` sequences padded to ``T`` steps, ``S`` steps in all; ``D``,
``H`` widths.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from sslcl.dropout import dropout

Weights = tuple[list[Tensor], list[Tensor]]
"""Of one layer, forwards and backwards: the maps of input and state, then their biases."""


def run_recurrent(
    rnn: nn.GRU | nn.LSTM, x: Tensor, lengths: Tensor, envelope: tuple[int, ...] | None = None
) -> Tensor:
    """Run a batch-first bidirectional network over the utterances alone, never over padding.

    It computes in the precision of its weights, because recurrent networks have no mixed form on
    every device.

    Args:
        rnn: GRU or LSTM with ``batch_first=True`` and ``bidirectional=True``.
        x: ``(B, T, D)``.
        lengths: ``(B,)`` int64 on the CPU, at least 1.
        envelope: see :class:`Packing`.

    Returns:
        ``(B, T, 2H)``, forwards before backwards, zero where padded; with an envelope, padding
        may hold anything.
    """
    with torch.autocast(x.device.type, enabled=False):
        x = x.to(rnn.all_weights[0][0].dtype)
        if x.device.type != "cpu":  # Accelerators have a fused network for packed sequences.
            packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
            states, _ = rnn(packed)
            padded, _ = pad_packed_sequence(states, batch_first=True, total_length=x.shape[1])
            return padded
        run_layer = _gru_layer if isinstance(rnn, nn.GRU) else _lstm_layer
        packing = Packing(lengths, envelope)
        total, rows = x.shape[1], x[:, : packing.steps]  # (B, T, D), without needless padding
        for layer, weights in enumerate(zip(*[iter(rnn.all_weights)] * 2, strict=True)):
            if layer:
                rows = dropout(rows, rnn.dropout, rnn.training)
            rows = run_layer(rows, weights, packing)  # (B, T, 2H)
        return F.pad(rows, (0, 0, 0, total - packing.steps))


class Packing:
    """Where the steps of sequences lie when they are read side by side, longest sequence first.

    A row of the packed form is a step of a sequence; all first steps come first, then all second
    ones. The sequences that still go on at a step are the first of those at the step before.

    Args:
        lengths: ``(B,)`` int64 on the CPU, at least 1.
        envelope: ``B`` lengths in descending order, each at least that of ``lengths`` in that
            order, where batches of several models are to take the same steps; what a sequence
            lacks is read from its padding, after its end in either direction.
    """

    def __init__(self, lengths: Tensor, envelope: tuple[int, ...] | None = None) -> None:
        descending, rows = lengths.sort(descending=True, stable=True)
        longest = descending if envelope is None else torch.tensor(envelope)
        self.steps = int(longest[0])
        """``T``, of the longest sequence."""
        time = torch.arange(self.steps)[:, None]  # (T, 1)
        goes_on = time < longest  # (T, B)
        self.active = goes_on.sum(dim=1).tolist()
        """``T`` numbers of sequences that have such a step."""
        taken = goes_on.flatten().nonzero().squeeze(1)  # (S,)
        first = rows * self.steps  # (B,) the first step of each sequence in the padded form
        turned = torch.where(time < descending, descending - 1 - time, time)  # (T, B)
        forwards = (first + time).flatten().index_select(0, taken)  # (S,)
        backwards = (first + turned).flatten().index_select(0, taken)  # (S,)
        self.places = torch.stack([forwards, backwards])
        """``(2, S)`` places of the packed rows in ``(B T)``, read forwards and backwards."""
        every = torch.arange(len(lengths) * self.steps).view(len(lengths), self.steps)
        last = lengths[:, None] - 1  # (B, 1)
        step = every - every[:, :1]  # (B, T)
        self.reversal = torch.where(step <= last, every[:, :1] + last - step, every).flatten()
        """``(B T)`` places with each sequence turned round and the padding where it is."""
        self.valid = (step <= last)[..., None]
        """``(B, T, 1)`` bool, false at padding."""


def _lstm_layer(x: Tensor, weights: Weights, packing: Packing) -> Tensor:
    """One direction at a time: PyTorch's fused kernel knows no lengths."""

    def turned(y: Tensor) -> Tensor:
        return y.flatten(0, 1).index_select(0, packing.reversal).view_as(y)

    forwards, backwards = (
        torch.lstm(y, _zeros(y, way), way, True, 1, 0.0, False, False, True)[0]
        for y, way in zip((x, turned(x)), weights, strict=True)
    )
    return torch.cat([forwards, turned(backwards)], dim=-1) * packing.valid  # (B, T, 2H)


def _zeros(x: Tensor, weights: list[Tensor]) -> list[Tensor]:
    return [x.new_zeros(1, len(x), weights[1].shape[1]) for _ in range(2)]


def _gru_layer(x: Tensor, weights: Weights, packing: Packing) -> Tensor:
    input_map, state_map, input_bias, state_bias = (
        torch.stack(way) for way in zip(*weights, strict=True)
    )
    ways, steps = packing.places.shape
    rows = x.flatten(0, 1).index_select(0, packing.places.flatten()).view(ways, steps, -1)
    gates = torch.baddbmm(input_bias[:, None], rows, input_map.mT)  # (2, S, 3H)
    states = gru_states(gates, state_map.mT, state_bias, Steps(packing.active))  # (2, S, H)
    # Direction k of place i is row 2 i + k.
    target = (ways * packing.places + torch.arange(ways)[:, None]).flatten()  # (2 S)
    padded = x.new_zeros(ways * len(x) * packing.steps, states.shape[-1])
    return padded.index_copy(0, target, states.flatten(0, 1)).view(*x.shape[:2], -1)


@dataclass(frozen=True)
class Steps:
    """The steps of packed sequences.

    Args:
        active: the number of sequences at each step.
        keep: factors of dropout for each state, ``(K, S, H)``; ``None`` for 1.
    """

    active: list[int]
    keep: Tensor | None = None


def gru_states(gates: Tensor, state_map: Tensor, state_bias: Tensor, steps: Steps) -> Tensor:
    """All states of ``K`` GRU cells, each over its own packed sequences, from states of zero.

    c_t = h_t-1 U + d;  r, z = sigmoid of a_r + c_r, a_z + c_z;  n = tanh(a_n + r c_n);
    h_t = k_t ((1 - z) n + z h_t-1)

    The gradient is written out; that of a gradient is not there. Under :func:`torch.func.vmap`
    the cells of all models run side by side.

    Args:
        gates: shares a of the inputs in the gates r, z, n, ``(K, S, 3H)``.
        state_map: U, ``(K, H, 3H)``.
        state_bias: d, ``(K, 3H)``.
        steps: with the factors k, which several models cannot have.

    Returns:
        ``(K, S, H)``.
    """
    states: Tensor = _GRUStates.apply(  # type: ignore[no-untyped-call]
        gates, state_map, state_bias, steps
    )[0]
    return states


class _GRUStates(torch.autograd.Function):
    """The states, then what the gradient needs of them: the gates and their recalled shares."""

    @staticmethod
    def forward(
        gates: Tensor, state_map: Tensor, state_bias: Tensor, steps: Steps
    ) -> tuple[Tensor, Tensor, Tensor]:
        active, keep = steps.active, steps.keep
        cells, width = state_map.shape[:2]
        gates = gates.clone()  # (K, S, 3H)
        gates[..., : 2 * width] += state_bias[:, None, : 2 * width]
        recalled = gates.new_empty(*gates.shape[:2], width)  # (K, S, H), of n alone
        states = gates.new_empty(*gates.shape[:2], width)  # (K, S, H)
        bias = state_bias[:, None, 2 * width :]  # (K, 1, H)
        h = gates.new_zeros(cells, active[0], width)  # (K, B, H)
        blocks = zip(
            active,
            gates[..., : 2 * width].split_with_sizes(active, dim=1),
            gates[..., :width].split_with_sizes(active, dim=1),
            gates[..., width : 2 * width].split_with_sizes(active, dim=1),
            gates[..., 2 * width :].split_with_sizes(active, dim=1),
            recalled.split_with_sizes(active, dim=1),
            states.split_with_sizes(active, dim=1),
            _blocks(keep, active),
            strict=True,
        )
        for rows, rz, r, z, n, c_n, new, kept in blocks:
            if rows < h.shape[1]:
                h = h[:, :rows]
            c = torch.bmm(h, state_map)  # A result of its own, or the cells run one by one.
            rz.add_(c[..., : 2 * width]).sigmoid_()
            torch.add(c[..., 2 * width :], bias, out=c_n)
            n.addcmul_(r, c_n).tanh_()
            h = torch.lerp(n, h, z, out=new)
            if kept is not None:
                h.mul_(kept)
        return states, gates, recalled

    @staticmethod
    def setup_context(ctx: Any, inputs: Sequence[Any], output: Sequence[Tensor]) -> None:
        _, state_map, _, steps = inputs
        states, gates, recalled = output
        ctx.active = steps.active
        ctx.mark_non_differentiable(gates, recalled)
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(gates, recalled, states, state_map, steps.keep)

    @staticmethod
    def vmap(
        info: Any, in_dims: Sequence[int | None], *inputs: Any
    ) -> tuple[tuple[Tensor, ...], tuple[int, ...]]:
        *tensors, steps = inputs
        cells = [x.movedim(dim, 0).flatten(0, 1) for x, dim in zip(tensors, in_dims, strict=False)]
        outputs = _GRUStates.apply(*cells, steps)  # type: ignore[no-untyped-call]
        return tuple(x.unflatten(0, (info.batch_size, -1)) for x in outputs), (0, 0, 0)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor | None, *_: None) -> tuple[Tensor | None, ...]:
        if grad is None:
            return None, None, None, None
        gates, recalled, states, state_map, keep = ctx.saved_tensors
        active, width = ctx.active, state_map.shape[1]
        r, z, n = gates.chunk(3, dim=-1)  # (K, S, H) each
        before = previous(states, active)  # (K, S, H)
        # Of h_t in the gates before their nonlinearities, for all steps at once.
        of_n = (1 - z) * (1 - n * n)  # (K, S, H)
        of_gates = gates.new_empty(*gates.shape[:2], 3, width)  # (K, S, 3, H)
        torch.mul(of_n, r, out=of_gates[..., 2, :])
        torch.mul(of_gates[..., 2, :] * recalled, 1 - r, out=of_gates[..., 0, :])
        torch.mul((before - n) * z, 1 - z, out=of_gates[..., 1, :])
        whole = grad.clone(memory_format=torch.contiguous_format)  # and from later steps
        of_c = torch.empty_like(of_gates)  # (K, S, 3, H)
        carried: Tensor | None = None  # (K, rows of the step after, H)
        back = state_map.mT  # (K, 3H, H)
        steps = zip(
            whole.split_with_sizes(active, dim=1),
            z.split_with_sizes(active, dim=1),
            of_gates.split_with_sizes(active, dim=1),
            of_c.split_with_sizes(active, dim=1),
            of_c.flatten(2).split_with_sizes(active, dim=1),
            _blocks(keep, active),
            strict=True,
        )
        for d, z_t, factor, d_c, d_c_flat, kept in reversed(list(steps)):
            if carried is not None:
                d[:, : carried.shape[1]].add_(carried)
            if kept is not None:
                d.mul_(kept)
            torch.mul(d[..., None, :], factor, out=d_c)
            carried = torch.baddbmm(d * z_t, d_c_flat, back)
        flat = of_c.flatten(2)  # (K, S, 3H)
        of_map, of_bias = before.mT @ flat, flat.sum(dim=1)
        torch.mul(whole, of_n, out=of_c[..., 2, :])  # the gates' own from here on
        return flat, of_map, of_bias, None


def _blocks(keep: Tensor | None, active: list[int]) -> Sequence[Tensor | None]:
    """The factors of each step."""
    return [None] * len(active) if keep is None else keep.split_with_sizes(active, dim=1)


class LSTMGates(torch.autograd.Function):
    """One step of an LSTM after its products: c' = sigmoid(f) c + sigmoid(i) tanh(g).

    ``apply`` takes the gates i, f, g, o before their nonlinearities, ``(..., 4H)``, and c,
    ``(..., H)``. It returns sigmoid(o) tanh(c') and c', ``(..., H)`` each. The gradient is written
    out; that of a gradient is not there.
    """

    @staticmethod
    def forward(ctx: Any, gates: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
        width = cell.shape[-1]
        i_f, g, o = gates.split_with_sizes([2 * width, width, width], dim=-1)
        i_f, g, o = i_f.sigmoid(), g.tanh(), o.sigmoid()
        i, f = i_f.chunk(2, dim=-1)
        new = (f * cell).addcmul_(i, g)
        seen = new.tanh()
        ctx.save_for_backward(i_f, g, o, cell, seen)
        return o * seen, new

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, of_state: Tensor, of_cell: Tensor) -> tuple[Tensor, Tensor]:
        i_f, g, o, cell, seen = ctx.saved_tensors
        width = cell.shape[-1]
        i, f = i_f.chunk(2, dim=-1)
        through = of_state * o  # (..., H)
        d = (through - through * seen * seen).add_(of_cell)  # of c', (..., H)
        of_gates = o.new_empty(*o.shape[:-1], 4 * width)
        of_i, of_f, of_g, of_o = of_gates.chunk(4, dim=-1)
        torch.mul(d, g, out=of_i)
        torch.mul(d, cell, out=of_f)
        of_gates[..., : 2 * width].mul_(torch.addcmul(i_f, i_f, i_f, value=-1))
        torch.mul(d * i, 1 - g * g, out=of_g)
        torch.mul(of_state * seen, torch.addcmul(o, o, o, value=-1), out=of_o)
        return of_gates, d * f


def previous(states: Tensor, active: list[int]) -> Tensor:
    """The state before each step: ``(K, S, H)`` from states of the same shape, zero at first."""
    blocks = states.split_with_sizes(active, dim=1)
    first = torch.zeros_like(blocks[0])
    earlier = [block[:, :n] for block, n in zip(blocks, active[1:], strict=False)]
    return torch.cat([first, *earlier], dim=1)
