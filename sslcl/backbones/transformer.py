"""Transformer encoder over the utterances of a conversation."""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from sslcl.backbones import Backbone, BackboneShape
from sslcl.backbones._attention import attend
from sslcl.backbones._parts import ModalitySum, Utterances, by_view, repeated
from sslcl.data.types import Batch, View
from sslcl.dropout import Dropout
from sslcl.errors import InputError


class TransformerOptions(BaseModel):
    """Options of :class:`Transformer`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    layers: int = Field(default=2, ge=1, le=12)
    """Encoder blocks."""
    heads: int = Field(default=4, ge=1)
    """Attention heads; they must divide the hidden size."""


def check_heads(backbone: str, hidden_size: int, heads: int) -> None:
    """Refuse a hidden size that is no multiple of the number of heads.

    Raises:
        InputError: naming the nearest multiples.
    """
    if hidden_size % heads:
        below = hidden_size // heads * heads
        nearest = f"{below} or {below + heads}" if below else f"{heads}"
        raise InputError(
            f"hidden_size {hidden_size} is not divisible by heads {heads} of backbone "
            f"'{backbone}': expected a multiple, such as {nearest}"
        )


def sinusoidal_positions(length: int, width: int, device: torch.device) -> Tensor:
    """``(T, D)`` position vectors [sin(t w_k); cos(t w_k)], w_k = 10000^(-2k/D).

    Source: Vaswani et al. 2017, section 3.5, with the sines before the cosines.
    """
    half = (width + 1) // 2
    k = torch.arange(half, device=device)  # (D/2,)
    angular = torch.exp(-2 * k * math.log(10_000) / width)  # (D/2,)
    angle = torch.arange(length, device=device)[:, None] * angular  # (T, D/2)
    return torch.cat([angle.sin(), angle.cos()], dim=1)[:, :width]  # (T, D)


class EncoderBlock(nn.Module):
    """Pre-norm block: y = x + drop(MHA(LN(x)));  out = y + drop(W_2 drop(gelu(W_1 LN(y)))).

    Source: Vaswani et al. 2017, with the norm inside the residual (Xiong et al. 2020).

    Args:
        width: ``D``.
        heads: attention heads, a divisor of ``D``.
        dropout: dropout probability, on attention weights too.
    """

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.attention_norm = nn.LayerNorm(width)
        self.query_key_value = nn.Linear(width, 3 * width)
        self.merge = nn.Linear(width, width)
        self.feed_norm = nn.LayerNorm(width)
        self.up = nn.Linear(width, 4 * width)
        self.down = nn.Linear(4 * width, width)
        self.drop = Dropout(dropout)

    def forward(self, x: Tensor, utterances: Utterances) -> Tensor:
        """``(N, D)`` from the rows ``(N, D)`` of ``utterances``, of ``B`` conversations."""
        parts = utterances.padded(self.query_key_value(self.attention_norm(x)))  # (B, T, 3D)
        q, k, v = parts.view(*parts.shape[:2], 3, self.heads, -1).permute(
            2, 0, 3, 1, 4
        )  # (B, h, T, D/h)
        probability = self.drop.p if self.training else 0.0
        mask = utterances.mask[:, None, None, :]  # (B, 1, 1, T)
        heard = attend(q, k, v, mask, probability)  # (B, h, T, D/h)
        rows = utterances.rows(heard.transpose(1, 2)).flatten(1)  # (N, D)
        x = x + self.drop(self.merge(rows))  # (N, D)
        inner = self.drop(F.gelu(self.up(self.feed_norm(x))))  # (N, 4D)
        out: Tensor = x + self.drop(self.down(inner))  # (N, D)
        return out


class Transformer(Backbone):
    """Encoder blocks over utterances that know their position and their speaker.

    x_t = sum over m of (W_m x_mt + b_m) + position_t + speaker_{s(t)};  f = LN(blocks(drop(x)))

    Padded utterances are no keys of the attention. An absent modality is a missing term of the
    sum, its bias included. Each participant has an embedding by index of first speaking, so
    exchanging two participants changes the features.

    Source: Vaswani et al. 2017 (arXiv 1706.03762); position and speaker embeddings as in SDT (Ma et
    al. 2023), without its streams per modality.
    """

    name = "transformer"
    source = "Vaswani et al. 2017, arXiv 1706.03762"
    differs = "a plain encoder, pre-norm, with embeddings of speakers; no released code for ERC"
    Options = TransformerOptions
    uses_speakers = True
    names_speakers = True
    stacks_views = True

    def __init__(self, shape: BackboneShape[TransformerOptions]) -> None:
        super().__init__(shape)
        widths, hidden_size, dropout = shape.widths, shape.hidden_size, shape.dropout
        self.output_width = hidden_size
        self.fuse = ModalitySum(widths, hidden_size)
        self.speaker = nn.Embedding(shape.speakers, hidden_size)
        self.blocks = nn.ModuleList(
            EncoderBlock(hidden_size, shape.options.heads, dropout)
            for _ in range(shape.options.layers)
        )
        self.norm = nn.LayerNorm(hidden_size)
        self.drop = Dropout(dropout)

    @classmethod
    def check_size(cls, hidden_size: int, options: TransformerOptions) -> None:
        """Refuse a hidden size that is no multiple of the number of heads."""
        check_heads(cls.name, hidden_size, options.heads)

    def features(self, batch: Batch, views: Sequence[View]) -> Tensor:
        """``(V, N, H)`` features, ``H`` the hidden size."""
        x = self.fuse.rows(batch, views)  # (VN, H)
        batch = repeated(batch, len(views))
        utterances = Utterances.of(batch.mask, batch.places)
        steps = batch.mask.shape[1]
        position = sinusoidal_positions(steps, x.shape[1], x.device)  # (T, H)
        position = position.index_select(0, utterances.places % steps)  # (VN, H)
        speaker = self.speaker(utterances.rows(batch.speakers))  # (VN, H)
        x = self.drop(x + position + speaker)  # (VN, H)
        for block in self.blocks:
            x = block(x, utterances)  # (VN, H)
        features: Tensor = self.norm(x)  # (VN, H)
        return by_view(features, views)
