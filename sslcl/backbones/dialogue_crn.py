"""DialogueCRN: reasoning steps over the memory of the situation and of each speaker."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.nn.functional import one_hot

from sslcl.backbones import Backbone, BackboneShape
from sslcl.backbones._parts import (
    ModalitySum,
    bidirectional,
    by_view,
    repeated,
)
from sslcl.backbones._recurrence import LSTMGates, run_recurrent
from sslcl.data.types import Batch, View
from sslcl.dropout import Dropout


class DialogueCRNOptions(BaseModel):
    """Options of :class:`DialogueCRN`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    layers: int = Field(default=2, ge=1, le=4)
    """Layers of the two perceiving networks."""
    situation_steps: int = Field(default=3, ge=0, le=8)
    """Reasoning steps over the situation; 0 leaves the perceived state as it is."""
    speaker_steps: int = Field(default=4, ge=0, le=8)
    """Reasoning steps over the speakers' utterances."""


class Reasoner(nn.Module):
    """Multi-turn reasoning of every utterance over the memory of its conversation.

    From q*_0, for k = 1 .. K: (q_k, state) = LSTM(q*_k-1, state);
    a_k = softmax over the utterances i of m_i . q_k;  q*_k = [q_k; sum over i of a_ki m_i]

    The steps of all utterances run side by side, because they share nothing but the memory.

    Source: Hu et al. 2021 (arXiv 2106.01978), the cognitive phase.

    Args:
        width: ``n`` of the memory.
        steps: ``K``; 0 returns q*_0.
    """

    def __init__(self, width: int, steps: int) -> None:
        super().__init__()
        self.steps = steps
        # Without a step nothing is asked, and before the first one the state is zero.
        self.input = nn.Linear(2 * width, 4 * width) if steps > 0 else nn.Identity()
        self.state = nn.Linear(width, 4 * width, bias=False) if steps > 1 else nn.Identity()

    def forward(self, query: Tensor, memory: Tensor, mask: Tensor) -> Tensor:
        """``(N, 2n)`` thoughts of the utterances.

        Args:
            query: ``(N, 2n)``, q*_0 of the utterances, conversation by conversation.
            memory: ``(B, T, n)``.
            mask: ``(B, T)`` bool, true at utterances.
        """
        places = mask.flatten().nonzero()[:, 0]  # (N,)
        known = memory.flatten(0, 1)  # (BT, n)
        q = cell = torch.zeros_like(query[:, : memory.shape[-1]])  # (N, n)
        for step in range(self.steps):
            gates = self.input(query)  # (N, 4n)
            if step:
                gates = gates + self.state(q)  # (N, 4n)
            q, cell = LSTMGates.apply(gates, cell.to(gates.dtype))  # type: ignore[no-untyped-call]
            asks = torch.zeros_like(known, dtype=q.dtype).index_copy(0, places, q)  # (BT, n)
            heard = F.scaled_dot_product_attention(
                asks.view_as(memory), memory, memory, attn_mask=mask[:, None, :], scale=1.0
            )  # (B, T, n)
            query = torch.cat([q, heard.flatten(0, 1).index_select(0, places)], dim=-1)  # (N, 2n)
        return query


def run_by_speaker(rnn: nn.GRU | nn.LSTM, x: Tensor, speaks: Tensor) -> Tensor:
    """Run a network over the utterances of each participant alone, as if nobody else had spoken.

    Args:
        rnn: batch-first network, shared by the participants.
        x: ``(B, T, D)``.
        speaks: ``(B, T, P)`` bool, one-hot in the participants, all false where padded.

    Returns:
        ``(B, T, E)``, each utterance with the state of its speaker's run; zero where padded.
    """
    own = speaks.transpose(1, 2)  # (B, P, T)
    order = own.int().argsort(dim=-1, descending=True, stable=True)  # (B, P, T), own ones first
    rows = torch.arange(len(x), device=x.device)[:, None, None]  # (B, 1, 1)
    # A participant who is silent has one row of somebody else's, which nobody reads below.
    counts = own.sum(dim=-1).clamp(min=1)  # (B, P)
    streams = x[rows, order].flatten(0, 1)  # (B P, T, D)
    states = run_recurrent(rnn, streams, counts.flatten().cpu())  # (B P, T, E)
    back = order.argsort(dim=-1)[..., None].expand(-1, -1, -1, states.shape[-1])  # (B, P, T, E)
    in_place = states.view(*own.shape, -1).gather(2, back)  # (B, P, T, E)
    return (in_place * own[..., None]).sum(dim=1)  # (B, T, E)


class DialogueCRN(Backbone):
    """Perceive the situation and the speakers, then reason about both.

    x_t = sum over m of W_m x_mt + b_m;  m_s = BiLSTM over the conversation;
    m_p = BiLSTM over each participant's own utterances;  c_k = Reasoner_k(W_q m_k + b_q, m_k);
    f_t = drop(ReLU(W [c_p; c_s]_t + b))

    W_q is shared, the reasoners are not. The last line brings the 8 H cognition vectors, which the
    released code hands to its classifier, to the width that other backbones have. Sequences are
    packed; the released code lets them read padding. An absent modality is a missing term of the
    first sum, its bias included. Participants share their network, so exchanging two of them
    changes nothing.

    Source: Hu et al. 2021 (arXiv 2106.01978). Released with GloVe: 100 units a direction, dropout
    0.2, L2 2e-4, batch 32; IEMOCAP 2 layers, steps 3 and 4, Adam at 1e-4; MELD 1 layer, steps 2 and
    0, Adam at 5e-4. Published weighted F1 from text: IEMOCAP 66.20 (the epoch chosen on the test
    split), MELD 58.39.
    """

    name = "dialogue_crn"
    source = "Hu et al. 2021, arXiv 2106.01978; github.com/zerohd4869/DialogueCRN"
    published = {"IEMOCAP": 66.20, "MELD": 58.39}
    differs = (
        "sequences are packed; a linear layer before both networks and dropout after it; another "
        "one brings the feature to the common width, with the ReLU after it instead of on what "
        "it reads"
    )
    Options = DialogueCRNOptions
    uses_speakers = True
    stacks_views = True

    def __init__(self, shape: BackboneShape[DialogueCRNOptions]) -> None:
        super().__init__(shape)
        widths, hidden_size, dropout = shape.widths, shape.hidden_size, shape.dropout
        self.output_width = hidden_size
        self.speakers = shape.speakers
        self.fuse = ModalitySum(widths, hidden_size)
        self.situation, self.party = (
            bidirectional(nn.LSTM, hidden_size, hidden_size, shape.options.layers, dropout)
            for _ in range(2)
        )
        self.query = nn.Linear(2 * hidden_size, 4 * hidden_size)
        steps = (shape.options.speaker_steps, shape.options.situation_steps)
        self.reasoners = nn.ModuleList(Reasoner(2 * hidden_size, k) for k in steps)
        self.out = nn.Linear(8 * hidden_size, hidden_size)
        self.drop = Dropout(dropout)

    def features(self, batch: Batch, views: Sequence[View]) -> Tensor:
        """``(V, N, H)`` features, ``H`` the hidden size."""
        x = self.drop(self.fuse(batch, views))  # (VB, T, H)
        batch = repeated(batch, len(views))
        speaks = one_hot(batch.speakers, self.speakers).bool() & batch.mask[..., None]  # (VB, T, P)
        memories = (
            run_by_speaker(self.party, x, speaks),  # (VB, T, 2H)
            run_recurrent(self.situation, x, batch.lengths),  # (VB, T, 2H)
        )
        thoughts = []
        for reason, memory in zip(self.reasoners, memories, strict=True):
            query = self.query(memory[batch.mask])  # (VN, 4H)
            thoughts.append(reason(query, memory, batch.mask))  # (VN, 4H)
        joined = torch.cat(thoughts, dim=-1)  # (VN, 8H)
        features: Tensor = self.drop(self.out(joined).relu())  # (VN, H)
        return by_view(features, views)
