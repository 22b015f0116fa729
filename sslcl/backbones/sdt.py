"""SDT: every modality hears itself and every other, and gates decide what is kept."""

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from sslcl.backbones import Backbone, BackboneShape
from sslcl.backbones._attention import CrossAttention
from sslcl.backbones._parts import present, total, union
from sslcl.backbones.transformer import check_heads, sinusoidal_positions
from sslcl.data.types import Batch, View
from sslcl.dropout import Dropout


class SDTOptions(BaseModel):
    """Options of :class:`SDT`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    heads: int = Field(default=8, ge=1)
    """Attention heads; they must divide the hidden size."""


class GatedBlock(nn.Module):
    """One modality as it hears a source modality, through a gate, and its share in the result.

    y = x + drop(MHA(query x; keys and values s));  o = y + drop(W_2 drop(gelu(W_1 LN(y))));
    out = W (sigmoid(V o) * o)

    gelu is the tanh approximation, the inner width ``D``; V has no bias.

    Source: Ma et al. 2023 (arXiv 2310.20494), the intra- and inter-modal transformers with
    unimodal gated fusion.

    Args:
        width: ``D``.
        heads: attention heads, a divisor of ``D``.
        dropout: dropout probability, on attention weights too.
        bias: whether W has a bias.
    """

    def __init__(self, width: int, heads: int, dropout: float, bias: bool) -> None:
        super().__init__()
        self.attention = CrossAttention(width, heads, dropout)
        self.norm = nn.LayerNorm(width)
        self.up = nn.Linear(width, width)
        self.down = nn.Linear(width, width)
        self.gate = nn.Linear(width, width, bias=False)
        self.share = nn.Linear(width, width, bias=bias)
        self.drop = Dropout(dropout)

    def forward(self, x: Tensor, source: Tensor, mask: Tensor) -> Tensor:
        """``(B, T, D)`` from ``(B, T, D)`` both; ``mask`` ``(B, T)`` is true at utterances."""
        y = x + self.drop(self.attention(x, source, mask))  # (B, T, D)
        inner = self.drop(F.gelu(self.up(self.norm(y)), approximate="tanh"))  # (B, T, D)
        o = y + self.drop(self.down(inner))  # (B, T, D)
        out: Tensor = self.share(torch.sigmoid(self.gate(o)) * o)  # (B, T, D)
        return out


class ModalityGate(nn.Module):
    """Weights for every feature of every modality: out = sum over m of softmax_m(W h_m) * h_m.

    The softmax runs over the modalities that are there; W has no bias.

    Source: Ma et al. 2023 (arXiv 2310.20494), multimodal gated fusion.

    Args:
        width: ``D``.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.score = nn.Linear(width, width, bias=False)

    def forward(self, h: Tensor) -> Tensor:
        """``(N, D)`` from ``(M, N, D)``."""
        mixed: Tensor = (self.score(h).softmax(dim=0) * h).sum(dim=0)  # (N, D)
        return mixed


class SDT(Backbone):
    """A block for every ordered pair of modalities, then gates within and across modalities.

    x_mt = drop(W_m x_mt + position_t + speaker_{s(t)});
    h_m = sum over the sources n of :class:`GatedBlock`_mn(x_m, x_n);  f = :class:`ModalityGate`(h)

    Padded utterances are no keys of the attention. An absent modality is neither heard nor hears:
    its blocks are missing from the sums, and the last gate's softmax is over the others. Each
    participant has an embedding by index of first speaking, so exchanging two participants changes
    the features. The features go to the classifier without a nonlinearity.

    This is the part that makes features. The self-distillation of the paper (classifiers for each
    modality, trained on the labels and on the fused classifier's output) belongs to an objective
    and is not here. The gate V is learned, as released for IEMOCAP; for MELD the released code
    fixes it at the identity. One dropout of x_m serves all its blocks.

    Source: Ma et al. 2023 (arXiv 2310.20494). Released: width and inner width 1024, 8 heads, 1
    layer, dropout 0.5, L2 1e-5; IEMOCAP Adam at 1e-4, batch 16; MELD Adam at 5e-6, batch 8.
    Published weighted F1: IEMOCAP 74.08, MELD 66.60 (the epoch chosen on the test split).
    """

    name = "sdt"
    source = "Ma et al. 2023, arXiv 2310.20494; github.com/butterfliesss/SDT"
    published = {"IEMOCAP": 74.08, "MELD": 66.60}
    differs = (
        "without the self-distillation losses and their classifiers; gates learned on every "
        "dataset; subsets of modalities leave out the blocks of the others"
    )
    Options = SDTOptions
    uses_speakers = True
    names_speakers = True
    stacks_views = True

    def __init__(self, shape: BackboneShape[SDTOptions]) -> None:
        super().__init__(shape)
        widths, hidden_size, dropout = shape.widths, shape.hidden_size, shape.dropout
        self.output_width = hidden_size
        self.project = nn.ModuleDict(
            {name: nn.Linear(n, hidden_size, bias=False) for name, n in widths.items()}
        )
        self.speaker = nn.Embedding(shape.speakers, hidden_size)
        # The released code joins the blocks of a target and maps them with one bias: it stands in
        # the block of the target with itself, which no view is without.
        self.blocks = nn.ModuleDict(
            {
                target: nn.ModuleDict(
                    {
                        source: GatedBlock(
                            hidden_size, shape.options.heads, dropout, bias=source == target
                        )
                        for source in widths
                    }
                )
                for target in widths
            }
        )
        self.gate = ModalityGate(hidden_size)
        self.drop = Dropout(dropout)

    @classmethod
    def check_size(cls, hidden_size: int, options: SDTOptions) -> None:
        """Refuse a hidden size that is no multiple of the number of heads."""
        check_heads(cls.name, hidden_size, options.heads)

    def features(self, batch: Batch, views: Sequence[View]) -> Tensor:
        """``(V, N, H)`` features, ``H`` the hidden size."""
        chosen = [present(view, self.modalities) for view in views]
        place = self.speaker(batch.speakers)  # (B, T, H)
        place = place + sinusoidal_positions(place.shape[1], place.shape[2], place.device)
        x = {
            m: self.drop(self.project[m](batch.features[m]) + place)  # (B, T, H)
            for m in union(chosen)
        }
        # A block is the same in every view that has both of its modalities.
        pairs = dict.fromkeys((t, s) for names in chosen for t in names for s in names)
        heard = {pair: self._hear(*pair, x, batch.mask) for pair in pairs}  # (N, H) each
        gated = []
        for names in chosen:
            h = [total([heard[target, source] for source in names]) for target in names]
            gated.append(self.gate(torch.stack(h)))  # (N, H)
        return torch.stack(gated)

    def _hear(self, target: str, source: str, x: Mapping[str, Tensor], mask: Tensor) -> Tensor:
        """``(N, H)``: the target modality as it hears the source."""
        blocks: nn.ModuleDict = self.blocks[target]  # type: ignore[assignment]
        heard: Tensor = blocks[source](x[target], x[source], mask)[mask]
        return heard
