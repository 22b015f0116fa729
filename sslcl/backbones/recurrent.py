"""Contextual recurrent network: the utterance in the light of what came before and after it."""

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from sslcl.backbones import Backbone, BackboneShape
from sslcl.backbones._parts import (
    General2Attention,
    ModalitySum,
    bidirectional,
    by_view,
    repeated,
)
from sslcl.backbones._recurrence import run_recurrent
from sslcl.data.types import Batch, View
from sslcl.dropout import Dropout

CELLS: dict[str, type[nn.GRU] | type[nn.LSTM]] = {"gru": nn.GRU, "lstm": nn.LSTM}


class RecurrentOptions(BaseModel):
    """Options of :class:`Recurrent`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cell: Literal["gru", "lstm"] = "gru"
    """Recurrent cell."""
    layers: int = Field(default=1, ge=1, le=4)
    """Stacked bidirectional layers, with dropout between them."""
    attention: Literal["none", "general2"] = "none"
    """Attention over the states of the conversation."""


class Recurrent(Backbone):
    """Bidirectional GRU or LSTM over a conversation.

    x_t = sum over m of W_m x_mt + b_m;  h = BiRNN(drop(x));  h' = general2(h) or h;
    f_t = drop(ReLU(W h'_t + b))

    Sequences are packed, so that the backward direction starts at the last utterance; the
    released code lets it read padding, and a conversation then depends on its batch. An absent
    modality is a missing term of the first sum, its bias included. Speakers are not used.

    Source: bc-LSTM (Poria et al. 2017, ACL) in the released conv-emotion form: LSTM, 2 layers, 100
    units a direction, output 100, dropout 0.25, Adam at 1e-4, L2 1e-5, batch 32; its BiGRU form
    adds general2. Published weighted F1: IEMOCAP 56.19, MELD 56.32 (from a survey's listing, the
    epoch chosen on the test split).
    """

    name = "recurrent"
    source = "Poria et al. 2017, ACL; github.com/declare-lab/conv-emotion"
    published = {"IEMOCAP": 56.19, "MELD": 56.32}
    differs = "sequences packed; a projection before the network; one layer of GRU by default"
    Options = RecurrentOptions
    stacks_views = True

    def __init__(self, shape: BackboneShape[RecurrentOptions]) -> None:
        super().__init__(shape)
        widths, hidden_size, dropout = shape.widths, shape.hidden_size, shape.dropout
        self.output_width = hidden_size
        self.fuse = ModalitySum(widths, hidden_size)
        self.context = bidirectional(
            CELLS[shape.options.cell], hidden_size, hidden_size, shape.options.layers, dropout
        )
        attends = shape.options.attention == "general2"
        self.attention = General2Attention(2 * hidden_size) if attends else None
        self.out = nn.Linear(2 * hidden_size, hidden_size)
        self.drop = Dropout(dropout)

    def features(self, batch: Batch, views: Sequence[View]) -> Tensor:
        """``(V, N, H)`` features, ``H`` the hidden size."""
        x = self.drop(self.fuse(batch, views))  # (VB, T, H)
        batch = repeated(batch, len(views))
        h = run_recurrent(self.context, x, batch.lengths, batch.envelope)  # (VB, T, 2H)
        if self.attention is not None:
            h = self.attention(h, batch.mask)  # (VB, T, 2H)
        features: Tensor = self.drop(self.out(batch.utterances(h)).relu())  # (VN, H)
        return by_view(features, views)
