"""The loop of DialogueRNN over the states of the dialogue and of its participants, written out.

Shapes: ``K`` directions; ``B`` conversations padded to ``T`` utterances; ``P`` participants; ``H``
the width. Cells are stacked: the ``K`` of the dialogue, then the ``K`` of the participants.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


@dataclass(frozen=True)
class Turns:
    """Who speaks, and what dropout leaves out.

    Args:
        speakers: place of each utterance's speaker among all participants, ``(T, K B)``.
        participants: their number, ``K B P``.
        keep: factors of dropout for each state, ``(T, 2K, B, H)``; ``None`` for 1.
    """

    speakers: Tensor
    participants: int
    keep: Tensor | None


class DialogueStates(torch.autograd.Function):
    """States of the speakers, each of whom hears the past states of the dialogue.

    With s(t) the speaker of utterance t, q_p the state of participant p, k the two factors of
    dropout, and GRU cells whose input has a known share a:

    g_t = k_g GRU_g(q_s(t),t-1; a_g,t; g_t-1);  c_t = sum over i < t of softmax_i(g_i . w_t) g_i;
    q_s(t),t = k_q GRU_p(c_t; a_p,t; q_s(t),t-1)

    All states start at 0, and c_1 is 0. The gradient is written out; that of a gradient is not
    there.

    ``apply`` takes the known shares a, ``(T, 2K, B, 3H)``; the asking vectors w, ``(K B, T, H)``;
    the maps of input and state, and below them the biases of the state maps, ``(2K, 2H + 1, 3H)``;
    and the :class:`Turns`, with the factors k. It returns q_s(t),t, ``(T, K, B, H)``.
    """

    @staticmethod
    def forward(ctx: Any, known: Tensor, asks: Tensor, maps: Tensor, turns: Turns) -> Tensor:
        keep, speakers = turns.keep, turns.speakers
        steps, cells, rows, _ = known.shape
        ways, width = cells // 2, asks.shape[-1]
        input_map, state_map, state_bias = maps.split_with_sizes([width, width, 1], dim=1)
        given, before, states = known.new_zeros(3, steps, cells, rows, width)
        gates, recalled = known.clone(), torch.empty_like(known)  # (T, 2K, B, 3H) each
        memory = known.new_zeros(ways * rows, steps, width)  # (KB, T, H)
        weights = known.new_zeros(ways * rows, steps, steps)  # (KB, T, T), [., t, i]
        parties = known.new_zeros(turns.participants, width)  # (KBP, H)
        for t in range(steps):
            of_speaker = parties.index_select(0, speakers[t]).view(ways, rows, width)
            given[t, :ways] = before[t, ways:] = of_speaker
            if t:
                before[t, :ways] = states[t - 1, :ways]
                past = memory[:, :t]  # (KB, t, H)
                w = torch.bmm(past, asks[:, t, :, None])[..., 0].softmax(dim=1)  # (KB, t)
                weights[:, t, :t] = w
                given[t, ways:] = torch.bmm(w[:, None], past).view(ways, rows, width)
            a = torch.baddbmm(gates[t], given[t], input_map, out=gates[t])  # (2K, B, 3H)
            c = torch.baddbmm(state_bias, before[t], state_map, out=recalled[t])
            rz = a[..., : 2 * width].add_(c[..., : 2 * width]).sigmoid_()
            n = a[..., 2 * width :].addcmul_(rz[..., :width], c[..., 2 * width :]).tanh_()
            state = torch.lerp(n, before[t], rz[..., width:], out=states[t])  # (2K, B, H)
            if keep is not None:
                state.mul_(keep[t])
            memory[:, t] = state[:ways].flatten(0, 1)
            parties.index_copy_(0, speakers[t], state[ways:].flatten(0, 1))
        ctx.participants = turns.participants
        ctx.save_for_backward(
            gates, recalled[..., 2 * width :], given, before, memory, weights,
            asks, maps, keep, speakers,
        )  # fmt: skip
        of_speakers: Tensor = states[:, ways:].clone()
        return of_speakers

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        (
            gates, recalled, given, before, memory, weights,
            asks, maps, keep, speakers,
        ) = ctx.saved_tensors  # fmt: skip
        steps, cells, rows, width = given.shape
        ways = cells // 2
        input_map, state_map, _ = maps.split_with_sizes([width, width, 1], dim=1)
        r, z, n = gates.chunk(3, dim=-1)  # (T, 2K, B, H) each
        # Of a state in the gates before their nonlinearities, for all steps at once.
        of_n = (1 - z) * (1 - n * n)
        of_r, of_z = of_n * recalled * r * (1 - r), (before - n) * z * (1 - z)
        of_input = torch.stack([of_r, of_z, of_n], dim=-2)  # (T, 2K, B, 3, H)
        of_state = torch.stack([of_r, of_z, of_n * r], dim=-2)  # (T, 2K, B, 3, H)
        of_memory, of_asks = torch.zeros_like(memory), torch.zeros_like(asks)
        of_parties = memory.new_zeros(ctx.participants, width)  # (KBP, H)
        carried = memory.new_zeros(cells, rows, width)  # of the dialogue state before
        d = torch.empty_like(carried)  # (2K, B, H)
        for t in range(steps - 1, -1, -1):
            torch.add(of_memory[:, t].view(ways, rows, width), carried[:ways], out=d[:ways])
            later = of_parties.index_select(0, speakers[t]).view(ways, rows, width)
            torch.add(grad[t], later, out=d[ways:])
            if keep is not None:
                d.mul_(keep[t])
            d_a = of_input[t].mul_(d[..., None, :]).flatten(2)  # (2K, B, 3H)
            d_c = of_state[t].mul_(d[..., None, :]).flatten(2)  # (2K, B, 3H)
            d_given = torch.bmm(d_a, input_map.mT)  # (2K, B, H)
            torch.baddbmm(d * z[t], d_c, state_map.mT, out=carried)
            of_speaker = (carried[ways:] + d_given[:ways]).flatten(0, 1)  # (KB, H)
            of_parties.index_copy_(0, speakers[t], of_speaker)
            if t:
                past, w = memory[:, :t], weights[:, t, :t]  # (KB, t, H), (KB, t)
                d_c_t = d_given[ways:].flatten(0, 1)  # (KB, H)
                d_w = torch.bmm(past, d_c_t[..., None])[..., 0]  # (KB, t)
                d_score = w * (d_w - (w * d_w).sum(dim=1, keepdim=True))  # (KB, t)
                of_asks[:, t] = torch.bmm(d_score[:, None], past)[:, 0]
                of_memory[:, :t].baddbmm_(
                    torch.stack([w, d_score], dim=-1), torch.stack([d_c_t, asks[:, t]], dim=1)
                )
        of_input, of_state = of_input.flatten(3), of_state.flatten(3)  # (T, 2K, B, 3H) each
        of_maps = [
            _by_cell(given).mT @ _by_cell(of_input),  # (2K, H, 3H)
            _by_cell(before).mT @ _by_cell(of_state),  # (2K, H, 3H)
            of_state.sum(dim=(0, 2))[:, None],  # (2K, 1, 3H)
        ]
        return of_input, of_asks, torch.cat(of_maps, dim=1), None


def _by_cell(x: Tensor) -> Tensor:
    """``(2K, T B, D)`` from ``(T, 2K, B, D)``."""
    return x.transpose(0, 1).flatten(1, 2)
