"""MultiEMO: each modality is rewritten by attention over the others, layer after layer."""

from collections.abc import Collection, Mapping, Sequence

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import one_hot

from sslcl.backbones import Backbone, BackboneShape
from sslcl.backbones._attention import CrossAttention
from sslcl.backbones._parts import present, total, union
from sslcl.backbones.dialogue_rnn import DIRECTIONS, DialogueCells, both_orders, reorder
from sslcl.backbones.transformer import check_heads
from sslcl.data.types import Batch, View
from sslcl.dropout import Dropout

BRANCH_SCALE = 0.1
"""Factor on the first weights of what is added to a modality. Without it the norms after each sum
drown what sets utterances apart, and training without a warm-up stalls."""


class MultiEMOOptions(BaseModel):
    """Options of :class:`MultiEMO`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    layers: int = Field(default=2, ge=1, le=12)
    """Layers of attention over the other modalities."""
    heads: int = Field(default=4, ge=1)
    """Attention heads; they must divide the hidden size."""


class MultiAttnLayer(nn.Module):
    """One modality rewritten by attention over each of the others in turn, post-norm.

    For each source s that is there, in the dataset's order: q <- LN(q + drop(MHA(q; s)));
    then q <- LN(q + drop(W_2 ReLU(W_1 q)))

    The inner width is 4 ``D``. A step whose source is absent is left out, its norm too. At first
    W_2 and the last map of MHA are small: :data:`BRANCH_SCALE` of their usual size.

    Source: Shi and Huang 2023 (ACL), MultiAttn.

    Args:
        sources: names of the other modalities.
        width: ``D``.
        heads: attention heads, a divisor of ``D``.
        dropout: dropout probability.
    """

    def __init__(self, sources: list[str], width: int, heads: int, dropout: float) -> None:
        super().__init__()
        attentions = [CrossAttention(width, heads, dropout) for _ in sources]
        self.attention = nn.ModuleDict(dict(zip(sources, attentions, strict=True)))
        self.attention_norm = nn.ModuleDict({source: nn.LayerNorm(width) for source in sources})
        self.up = nn.Linear(width, 4 * width)
        self.down = nn.Linear(4 * width, width)
        self.feed_norm = nn.LayerNorm(width)
        self.drop = Dropout(dropout)
        for branch in (self.down, *(attention.merge for attention in attentions)):
            nn.init.zeros_(branch.bias)
            with torch.no_grad():
                branch.weight.mul_(BRANCH_SCALE)

    def forward(
        self,
        q: Tensor,
        contexts: Mapping[str, Tensor],
        views: Sequence[Collection[str]],
        mask: Tensor,
    ) -> Tensor:
        """``(V, B, T, D)`` from ``(V, B, T, D)``.

        Args:
            q: ``(V, B, T, D)``, the modality in each view as it is so far.
            contexts: the modalities that some view has, ``(B, T, D)`` each; its own is not read.
            views: the modalities of each of the ``V`` views.
            mask: ``(B, T)`` bool, true at utterances.
        """
        for source, attention in self.attention.items():
            there = [v for v, names in enumerate(views) if source in names]
            if there:
                asking = q if len(there) == len(views) else q[there]  # (V', B, T, D)
                heard = self.drop(attention(asking, contexts[source], mask))  # (V', B, T, D)
                asking = self.attention_norm[source](asking + heard)  # (V', B, T, D)
                changed = dict(zip(there, asking.unbind(), strict=True))
                q = torch.stack([changed.get(v, old) for v, old in enumerate(q.unbind())])
        out: Tensor = self.feed_norm(q + self.drop(self.down(self.up(q).relu())))  # (V, B, T, D)
        return out


class MultiEMO(Backbone):
    """DialogueRNN in each modality, then attention of each modality over the others.

    u_m = drop(W_m x_m + b_m);  c_m = ReLU(drop(V_m e_m + d_m)), where e_m are the states of
    :class:`~sslcl.backbones.dialogue_rnn.DialogueCells` over u_m, both ways;
    q_m = the layers of :class:`MultiAttnLayer` from c_m, whose sources are the other c in every
    layer;  f_t = sum over m of U_m q_mt + b

    The features go to the classifier without a nonlinearity. Padded utterances are no keys of the
    attention; in the released code they are, so that an utterance depends on its batch. An absent
    modality is neither heard nor hears, and is missing from the last sum. Participants share their
    cell, so exchanging two of them changes nothing.

    This is the part that makes features. The losses of the paper are not: the sample-weighted
    focal contrastive one is the objective ``swfc``; the Soft-HGR loss between the modalities'
    features is not here.

    The states of participants have no dropout, as released. The context is that of the released
    IEMOCAP model; for MELD it runs forwards only, over audio and video. Its attention over the past
    asks with the utterance, as in ``dialogue_rnn``; the released one has fixed scores.

    Source: Shi and Huang 2023 (ACL), "MultiEMO". Released: width 256, 4 heads, inner width 1024,
    dropout 0, Adam at 1e-4, weight decay 1e-5; IEMOCAP 6 layers, batch 64; MELD 2 layers, batch
    100. Published weighted F1: IEMOCAP 72.84, MELD 66.74 (the epoch chosen on the test split).
    """

    name = "multiemo"
    source = "Shi and Huang 2023, ACL, pp. 14752-14766; github.com/TaoShi1998/MultiEMO"
    published = {"IEMOCAP": 72.84, "MELD": 66.74}
    differs = (
        "without its own losses; padding is masked in the attention; the context is bidirectional "
        "and in every modality on every dataset, and its attention asks with the utterance; "
        "smaller initial weights of what each layer adds"
    )
    Options = MultiEMOOptions
    uses_speakers = True
    stacks_views = True

    def __init__(self, shape: BackboneShape[MultiEMOOptions]) -> None:
        super().__init__(shape)
        widths, hidden_size, dropout = shape.widths, shape.hidden_size, shape.dropout
        self.output_width = hidden_size
        self.speakers = shape.speakers
        self.project = nn.ModuleDict({m: nn.Linear(n, hidden_size) for m, n in widths.items()})
        self.cells = DialogueCells(DIRECTIONS * len(widths), hidden_size, dropout=0.0)
        self.context = nn.ModuleDict({m: nn.Linear(2 * hidden_size, hidden_size) for m in widths})
        self.attention = nn.ModuleDict(
            {
                target: nn.ModuleList(
                    MultiAttnLayer(
                        [m for m in widths if m != target],
                        hidden_size,
                        shape.options.heads,
                        dropout,
                    )
                    for _ in range(shape.options.layers)
                )
                for target in widths
            }
        )
        self.out = nn.ModuleDict(
            {m: nn.Linear(hidden_size, hidden_size, bias=False) for m in widths}
        )
        self.out_bias = nn.Parameter(torch.zeros(hidden_size))
        self.drop = Dropout(dropout)

    @classmethod
    def check_size(cls, hidden_size: int, options: MultiEMOOptions) -> None:
        """Refuse a hidden size that is no multiple of the number of heads."""
        check_heads(cls.name, hidden_size, options.heads)

    def features(self, batch: Batch, views: Sequence[View]) -> Tensor:
        """``(V, N, H)`` features, ``H`` the hidden size."""
        chosen = [present(view, self.modalities) for view in views]
        contexts = self._contexts(batch, union(chosen))
        terms: list[list[Tensor]] = [[] for _ in chosen]
        for name in union(chosen):
            there = [v for v, names in enumerate(chosen) if name in names]
            q = contexts[name].expand(len(there), -1, -1, -1)  # (V, B, T, H)
            layers: nn.ModuleList = self.attention[name]  # type: ignore[assignment]
            for layer in layers:
                q = layer(q, contexts, [chosen[v] for v in there], batch.mask)  # (V, B, T, H)
            for v, term in zip(there, self.out[name](q[:, batch.mask]), strict=True):
                terms[v].append(term)  # (N, H)
        return torch.stack([total(of_view) for of_view in terms]) + self.out_bias  # (V, N, H)

    def _contexts(self, batch: Batch, names: tuple[str, ...]) -> dict[str, Tensor]:
        """``(B, T, H)`` for each of the ``M`` modalities of ``names``, read both ways at once."""
        u = torch.stack([self.drop(self.project[m](batch.features[m])) for m in names])
        u = u.repeat_interleave(DIRECTIONS, dim=0)  # (2M, B, T, H)
        speaks = one_hot(batch.speakers, self.speakers).to(u.dtype)  # (B, T, P)
        order = both_orders(batch.mask).repeat(len(names), 1, 1)  # (2M, B, T)
        # The cells of all modalities run side by side; here are those of the present ones.
        rows = [DIRECTIONS * self.modalities.index(m) + k for m in names for k in range(DIRECTIONS)]
        cells = {key: value[rows] for key, value in self.cells.named_parameters()}
        ordered = reorder(u, order), reorder(speaks[None], order)
        e = reorder(functional_call(self.cells, cells, ordered), order)  # (2M, B, T, H)
        ways = e.view(len(names), DIRECTIONS, *e.shape[1:]).unbind(dim=1)  # (M, B, T, H) each
        joined = torch.cat(ways, dim=-1)  # (M, B, T, 2H)
        return {
            name: self.drop(self.context[name](joined[m])).relu() for m, name in enumerate(names)
        }
