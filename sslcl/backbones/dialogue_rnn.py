"""DialogueRNN: one state for the dialogue, one for each participant, one for the emotion."""

from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.nn.functional import one_hot

from sslcl.backbones import Backbone, BackboneShape
from sslcl.backbones._dialogue_states import DialogueStates, Turns
from sslcl.backbones._parts import General2Attention, ModalitySum, by_view, repeated
from sslcl.backbones._recurrence import Steps, gru_states
from sslcl.data.types import Batch, View
from sslcl.dropout import Dropout

DIRECTIONS = 2


class DialogueRNNOptions(BaseModel):
    """Options of :class:`DialogueRNN`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    recurrent_dropout: float = Field(default=0.1, ge=0.0, lt=1.0)
    """Dropout on every state at every step."""
    attention: Literal["none", "general2"] = "none"
    """Attention over the emotion states of the conversation."""
    memory_attention: Literal["general", "simple"] = "general"
    """Attention over the past dialogue states: asked by the utterance, or by one learned vector."""
    active_listener: bool = False
    """Whether an utterance also updates the states of those who do not speak it."""


class GRUCells(nn.Module):
    """``K`` GRU cells side by side, each with its own weights: one product instead of ``K``.

    a = W_x x + b + known;  c = W_h h + b_h;  r, z = sigmoid of a_r + c_r, a_z + c_z;
    n = tanh(a_n + r c_n);  h' = (1 - z) n + z h

    Args:
        cells: ``K``.
        width: ``H`` of input and state.
    """

    def __init__(self, cells: int, width: int) -> None:
        super().__init__()
        self.input = _uniform(cells, width, 3 * width)
        self.input_bias = _uniform(cells, 1, 3 * width, bound=width**-0.5)
        self.state = _uniform(cells, width, 3 * width)
        self.state_bias = _uniform(cells, 1, 3 * width, bound=width**-0.5)

    def forward(self, x: Tensor, h: Tensor, known: Tensor | None = None) -> Tensor:
        """The next states ``(K, B, H)``.

        Args:
            x: ``(K, B, H)`` input.
            h: ``(K, B, H)`` states.
            known: ``(K, B, 3H)`` share of the input's gates that was computed beforehand.
        """
        a = x @ self.input + self.input_bias  # (K, B, 3H)
        a = a if known is None else a + known  # (K, B, 3H)
        c = h @ self.state + self.state_bias  # (K, B, 3H)
        return gated(a, c, h)  # (K, B, H)


def gated(a: Tensor, c: Tensor, h: Tensor) -> Tensor:
    """The next states of :class:`GRUCells`, ``(..., H)``.

    Args:
        a: ``(..., 3H)`` gates from the input; it may broadcast over states that share an input.
        c: ``(..., 3H)`` gates from the state.
        h: ``(..., H)`` states.
    """
    a_r, a_z, a_n = a.chunk(3, dim=-1)  # (..., H) each
    c_r, c_z, c_n = c.chunk(3, dim=-1)  # (..., H) each
    r, z = torch.sigmoid(a_r + c_r), torch.sigmoid(a_z + c_z)  # (..., H)
    n = torch.tanh(a_n + r * c_n)  # (..., H)
    return (1 - z) * n + z * h  # (..., H)


class Listener(nn.Module):
    """What an utterance changes in those who hear it, q_l,t = GRU_l([u_t; q_s(t),t], q_l,t-1).

    Args:
        cells: ``K``.
        width: ``H`` of the utterances and states.
    """

    def __init__(self, cells: int, width: int) -> None:
        super().__init__()
        self.cell = GRUCells(cells, width)
        self.utterance = _uniform(cells, width, 3 * width)

    def forward(self, now: Tensor, q: Tensor, known: Tensor) -> Tensor:
        """The next states ``(K, B, P, H)``, the speaker's too, as if the speaker only heard.

        Args:
            now: ``(K, B, H)`` new state of the speaker.
            q: ``(K, B, P, H)`` states of the participants.
            known: ``(K, B, 3H)`` share of the utterance in the gates.
        """
        a = now @ self.cell.input + self.cell.input_bias + known  # (K, B, 3H)
        c = q.flatten(1, 2) @ self.cell.state + self.cell.state_bias  # (K, BP, 3H)
        return gated(a[:, :, None], c.view(*q.shape[:3], -1), q)  # (K, B, P, H)


class DialogueCells(nn.Module):
    """The recurrence of DialogueRNN, in ``K`` directions at once.

    With s(t) the speaker of utterance t and q_p the state of participant p:
    g_t = GRU_g([u_t; q_s(t),t-1], g_t-1);
    c_t = sum over i < t of softmax_i(g_i . W u_t) g_i, and c_1 = 0;
    q_s(t),t = GRU_p([u_t; c_t], q_s(t),t-1), the other participants keep their state;
    e_t = GRU_e(q_s(t),t, e_t-1)

    With simple attention the weights are softmax_i(w . g_i), whatever the utterance. Where
    ``listener`` is set, the other participants do not keep their state: :class:`Listener` gives
    the next one, also to those who have not spoken yet.

    All states start at 0; dropout acts on each new state. Without a listener only the speaker's
    state is computed, by :class:`~sslcl.backbones._dialogue_states.DialogueStates` where nothing
    traces the loop; what depends on u_t alone is computed for all t before the loop.

    Source: Majumder et al. 2019 (arXiv 1811.00405), section 3.

    Args:
        cells: ``K``.
        width: ``H`` of input and all states.
        dropout: dropout probability of the states.
        memory_attention: attention over the past dialogue states.
    """

    listener: Listener | None
    """None at first. Whoever wants one sets it, after all weights that should not depend on it."""

    def __init__(
        self,
        cells: int,
        width: int,
        dropout: float,
        memory_attention: Literal["general", "simple"] = "general",
    ) -> None:
        super().__init__()
        self.dialogue, self.party, self.emotion = (GRUCells(cells, width) for _ in range(3))
        self.utterance_to_dialogue = _uniform(cells, width, 3 * width)
        self.utterance_to_party = _uniform(cells, width, 3 * width)
        self.asks = memory_attention == "general"
        self.query = _uniform(cells, width, width)
        if not self.asks:  # w is a row of W: whatever is drawn next is the same with either
            self.query = nn.Parameter(self.query[:, :1].detach().clone())  # (K, 1, H)
        self.listener = None
        self.drop = Dropout(dropout)

    def forward(self, u: Tensor, speaks: Tensor) -> Tensor:
        """Emotion states ``(K, B, T, H)``.

        Args:
            u: ``(K, B, T, H)`` utterances in the order in which each direction reads them.
            speaks: ``(K, B, T, P)``, one-hot in the participants.
        """
        if self.listener is None and not torch.compiler.is_compiling():
            return self._without_listener(u, speaks)
        return self.step_by_step(u, speaks)

    def step_by_step(self, u: Tensor, speaks: Tensor) -> Tensor:
        """The same as :meth:`forward`, literally, and with a listener too."""
        # Taken apart once: the gradient of a slice in every step would be as long as the sequence.
        steps = zip(
            (u @ self.utterance_to_dialogue[:, None]).unbind(2),  # T of (K, B, 3H)
            (u @ self.utterance_to_party[:, None]).unbind(2),  # T of (K, B, 3H)
            self._queries(u),  # T of (K, B, H) or (K, 1, H)
            self._for_listener(u),  # T of (K, B, 3H) or None
            speaks[..., None].unbind(2),  # T of (K, B, P, 1)
            strict=True,
        )
        g = c = e = torch.zeros_like(u[:, :, 0])  # (K, B, H)
        q = torch.zeros_like(speaks[:, :, 0, :, None] * g[:, :, None])  # (K, B, P, H)
        past: list[Tensor] = []
        emotions: list[Tensor] = []
        for for_dialogue, for_party, query, for_listener, here in steps:
            if past:
                c = attend(query, torch.stack(past, dim=2))  # (K, B, H)
            before = (here * q).sum(dim=2)  # (K, B, H)
            g = self.drop(self.dialogue(before, g, for_dialogue))  # (K, B, H)
            now = self.drop(self.party(c, before, for_party))  # (K, B, H)
            if self.listener is not None and for_listener is not None:
                q = self.drop(self.listener(now, q, for_listener))  # (K, B, P, H)
            q = torch.where(here > 0, now[:, :, None], q)  # (K, B, P, H)
            e = self.drop(self.emotion(now, e))  # (K, B, H)
            past.append(g)
            emotions.append(e)
        return torch.stack(emotions, dim=2)  # (K, B, T, H)

    def _without_listener(self, u: Tensor, speaks: Tensor) -> Tensor:
        with torch.autocast(u.device.type, enabled=False):
            u = u.to(self.query.dtype)
            ways, rows, steps, width = u.shape
            cells = (self.dialogue, self.party)
            maps = (self.utterance_to_dialogue, self.utterance_to_party)
            by_step = u.permute(2, 0, 1, 3)  # (T, K, B, H)
            known = torch.cat(
                [by_step @ m + c.input_bias for m, c in zip(maps, cells, strict=True)], dim=1
            )  # (T, 2K, B, 3H)
            asks = u @ self.query[:, None] if self.asks else self.query[:, None].expand_as(u)
            people = speaks.shape[-1]
            first = torch.arange(0, ways * rows * people, people, device=u.device)  # (KB)
            speakers = speaks.argmax(dim=-1).flatten(0, 1).T + first  # (T, KB)
            now = DialogueStates.apply(  # type: ignore[no-untyped-call]
                known,
                asks.flatten(0, 1),
                torch.cat([torch.cat([c.input, c.state, c.state_bias], dim=1) for c in cells]),
                Turns(speakers, ways * rows * people, self._factors(known[..., :width])),
            )  # (T, K, B, H)
            heard = now.transpose(0, 1).flatten(1, 2)  # (K, TB, H)
            gates = torch.baddbmm(self.emotion.input_bias, heard, self.emotion.input)  # (K, TB, 3H)
            e = gru_states(
                gates,
                self.emotion.state,
                self.emotion.state_bias[:, 0],
                Steps([rows] * steps, self._factors(heard)),
            )  # (K, TB, H)
            return e.view(ways, steps, rows, width).transpose(1, 2)  # (K, B, T, H)

    def _factors(self, like: Tensor) -> Tensor | None:
        """What dropout multiplies states of this shape by, where it does anything."""
        if not self.training or self.drop.p == 0:
            return None
        factors: Tensor = self.drop(torch.ones_like(like, memory_format=torch.contiguous_format))
        return factors

    def _queries(self, u: Tensor) -> Iterable[Tensor]:
        """``T`` queries of the past: ``(K, B, H)`` each, or ``(K, 1, H)``, always the same."""
        if self.asks:
            return (u @ self.query[:, None]).unbind(2)  # T of (K, B, H)
        return repeat(self.query, u.shape[2])  # T of (K, 1, H)

    def _for_listener(self, u: Tensor) -> Iterable[Tensor | None]:
        """``T`` shares of the utterance in the listener's gates, ``(K, B, 3H)`` each, if any."""
        if self.listener is not None:
            return (u @ self.listener.utterance[:, None]).unbind(2)  # T of (K, B, 3H)
        return repeat(None, u.shape[2])


def attend(query: Tensor, memory: Tensor) -> Tensor:
    """``(K, B, H)``: the memory ``(K, B, t, H)`` by softmax of its products with the query.

    Args:
        query: ``(K, B, H)``, or ``(K, 1, H)`` where all conversations have the same.
        memory: ``(K, B, t, H)``.
    """
    weights = (memory @ query[..., None]).softmax(dim=2)  # (K, B, t, 1)
    return (weights * memory).sum(dim=2)  # (K, B, H)


def both_orders(mask: Tensor) -> Tensor:
    """``(2, B, T)`` positions as read forwards and backwards, padding left where it is.

    Each order is its own inverse. Backwards only the utterances are turned round, so that no
    direction reads padding before an utterance.
    """
    forward = torch.arange(mask.shape[1], device=mask.device).expand_as(mask)  # (B, T)
    backward = torch.where(mask, mask.sum(dim=1, keepdim=True) - 1 - forward, forward)  # (B, T)
    return torch.stack([forward, backward])


def reorder(x: Tensor, order: Tensor) -> Tensor:
    """``(K, B, T, D)`` along the positions ``(K, B, T)``; ``x`` is ``(K or 1, B, T, D)``."""
    x = x.expand(len(order), -1, -1, -1)
    return x.gather(2, order[..., None].expand(-1, -1, -1, x.shape[-1]))


def _uniform(*shape: int, bound: float | None = None) -> nn.Parameter:
    """A parameter drawn as recurrent networks' are, in the range of its input width."""
    bound = shape[-2] ** -0.5 if bound is None else bound
    return nn.Parameter(torch.empty(*shape).uniform_(-bound, bound))


class DialogueRNN(Backbone):
    """Bidirectional DialogueRNN with attention over the emotion states.

    u_t = sum over m of W_m x_mt + b_m;  e = :class:`DialogueCells` over u, each way;
    E = drop([e forwards; e backwards]), or general2 of it;  f_t = drop(ReLU(W E_t + b))

    All states have the hidden size. An absent modality is a missing term of the first sum, its
    bias included. Participants share their cell, so exchanging two of them changes nothing.

    The released model always ends in general2. Here that is an option: its tanh saturates, all
    weights become alike, and the utterances of a conversation are no longer told apart (eight
    short conversations are learned by heart in 30 steps without it; with it most runs stall).

    The attention over past dialogue states asks with each utterance (``memory_attention`` general,
    as released) or with one learned vector (simple). With ``active_listener`` an utterance also
    updates those who do not speak it; without, as in the released default, their states stay.

    Source: Majumder et al. 2019 (arXiv 1811.00405), BiDialogueRNN with attention. Released on
    IEMOCAP: dialogue and party states 500, emotion 300, feature 600, dropout 0.1 on states and
    features (0.25 on emotion states), Adam at 1e-4, L2 1e-5, batch 30. Published weighted F1 with
    GloVe: IEMOCAP 62.75, MELD 57.03 (from a survey's listing, the epoch chosen on the test split).
    """

    name = "dialogue_rnn"
    source = "Majumder et al. 2019, arXiv 1811.00405; github.com/declare-lab/conv-emotion"
    published = {"IEMOCAP": 62.75, "MELD": 57.03}
    differs = (
        "general2 attention over the emotion states is an option, because it saturates; "
        "both directions run in one loop; the dropout of the joined emotion states is that of the "
        "features, without the released 0.15 on top"
    )
    Options = DialogueRNNOptions
    uses_speakers = True
    stacks_views = True

    def __init__(self, shape: BackboneShape[DialogueRNNOptions]) -> None:
        super().__init__(shape)
        widths, hidden_size, dropout = shape.widths, shape.hidden_size, shape.dropout
        self.output_width = hidden_size
        self.speakers = shape.speakers
        self.fuse = ModalitySum(widths, hidden_size)
        self.cells = DialogueCells(
            DIRECTIONS, hidden_size, shape.options.recurrent_dropout, shape.options.memory_attention
        )
        attends = shape.options.attention == "general2"
        self.attention = General2Attention(2 * hidden_size) if attends else None
        self.out = nn.Linear(2 * hidden_size, hidden_size)
        self.drop = Dropout(dropout)
        if shape.options.active_listener:  # last, so that all other weights are drawn as without it
            self.cells.listener = Listener(DIRECTIONS, hidden_size)

    def features(self, batch: Batch, views: Sequence[View]) -> Tensor:
        """``(V, N, H)`` features, ``H`` the hidden size."""
        u = self.fuse(batch, views)  # (VB, T, H)
        batch = repeated(batch, len(views))
        speaks = one_hot(batch.speakers, self.speakers).to(u.dtype)  # (VB, T, P)
        order = both_orders(batch.mask)  # (2, VB, T)
        e = self.cells(reorder(u[None], order), reorder(speaks[None], order))  # (2, VB, T, H)
        forwards, backwards = reorder(e, order)  # (VB, T, H) each
        joined = self.drop(torch.cat([forwards, backwards], dim=-1))  # (VB, T, 2H)
        if self.attention is not None:
            joined = self.attention(joined, batch.mask)  # (VB, T, 2H)
        features: Tensor = self.drop(self.out(joined[batch.mask]).relu())  # (VN, H)
        return by_view(features, views)
