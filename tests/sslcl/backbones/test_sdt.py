"""SDT's masked blocks and its gates against loops, on every kind of view."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from sslcl.backbones._attention import CrossAttention
from sslcl.backbones.sdt import SDT, GatedBlock, ModalityGate
from sslcl.config import TrialConfig
from sslcl.data.types import Batch
from sslcl.errors import InputError
from sslcl.testing.backbone_cases import built

from .attention_loop import attend

WIDTH, HEADS = 6, 2
LENGTHS = (5, 1, 3)
WIDTHS = {"text": 3, "audio": 2, "video": 4}


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def mask_of(lengths: tuple[int, ...]) -> Tensor:
    return torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]


def close(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def gelu(x: Tensor) -> Tensor:
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def hear(block: GatedBlock, x: Tensor, source: Tensor) -> Tensor:
    """One conversation without padding."""
    y = x + attend(block.attention, x, source)
    o = y + block.down(gelu(block.up(block.norm(y))))
    z = 1 / (1 + (-(o @ block.gate.weight.T)).exp())
    shared: Tensor = block.share(z * o)
    return shared


def test_attention_hears_the_utterances_of_the_source_and_no_padding() -> None:
    attention = CrossAttention(WIDTH, HEADS, 0.3).eval()
    x, source = torch.randn(2, len(LENGTHS), 5, WIDTH)
    found = attention(x, source, mask_of(LENGTHS))
    for n, length in enumerate(LENGTHS):
        close(found[n, :length], attend(attention, x[n, :length], source[n, :length]))


@pytest.mark.parametrize("bias", [True, False])
def test_a_block_is_attention_then_feed_forward_then_its_gate(bias: bool) -> None:
    block = GatedBlock(WIDTH, HEADS, 0.3, bias).eval()
    x, source = torch.randn(2, len(LENGTHS), 5, WIDTH)
    found = block(x, source, mask_of(LENGTHS))
    for n, length in enumerate(LENGTHS):
        close(found[n, :length], hear(block, x[n, :length], source[n, :length]))


@pytest.mark.parametrize("modalities", [1, 2, 3])
def test_the_last_gate_weighs_modalities_feature_by_feature(modalities: int) -> None:
    gate, h = ModalityGate(WIDTH), torch.randn(modalities, 4, WIDTH)
    found = gate(h)
    for t in range(4):
        for d in range(WIDTH):
            powers = torch.stack([gate.score.weight[d] @ h[m, t] for m in range(modalities)]).exp()
            close(found[t, d], powers @ h[:, t, d] / powers.sum())


@pytest.mark.parametrize("names", [("text", "audio", "video"), ("text", "video"), ("audio",)])
def test_a_view_leaves_out_the_blocks_of_absent_modalities(names: tuple[str, ...]) -> None:
    model: Any = built(SDT, WIDTHS, WIDTH, options={"heads": HEADS}).eval()
    talk = torch.tensor([[0, 1, 2, 0, 1], [0, 0, 0, 0, 0], [0, 1, 1, 0, 0]])
    mask = mask_of(LENGTHS)
    features = {m: torch.randn(len(LENGTHS), 5, width) for m, width in WIDTHS.items()}
    batch = Batch(features, talk, talk, mask, torch.tensor(LENGTHS))
    found = model.features(batch, [frozenset(names)])[0].split(LENGTHS)
    k = torch.arange(WIDTH // 2)
    for n, length in enumerate(LENGTHS):
        angle = torch.arange(length)[:, None] / 10_000 ** (2 * k / WIDTH)
        place = torch.cat([angle.sin(), angle.cos()], 1) + model.speaker(talk[n, :length])
        x = {m: features[m][n, :length] @ model.project[m].weight.T + place for m in names}
        heard = [[hear(model.blocks[m][s], x[m], x[s]) for s in names] for m in names]
        h = [torch.stack(each).sum(0) for each in heard]
        close(found[n], model.gate(torch.stack(h)))


def test_a_hidden_size_that_the_heads_do_not_divide_is_refused() -> None:
    with pytest.raises(InputError, match=r"hidden_size 30 .* heads 8 .* 'sdt'"):
        TrialConfig.parse({"backbone": "sdt", "hidden_size": 30})
