"""MultiEMO's attention layers against a loop, and its contexts against DialogueRNN's own run."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import one_hot

from sslcl.backbones.dialogue_rnn import DialogueCells
from sslcl.backbones.multiemo import MultiAttnLayer, MultiEMO
from sslcl.config import TrialConfig
from sslcl.data.types import Batch
from sslcl.errors import InputError
from sslcl.testing.backbone_cases import built

from .attention_loop import attend

WIDTH, HEADS = 6, 2
LENGTHS = (5, 1, 3)
WIDTHS = {"text": 3, "audio": 2, "video": 4}
VIEWS = [("text", "audio", "video"), ("text", "video"), ("audio",)]


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def close(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def norm(x: Tensor, layer: torch.nn.LayerNorm) -> Tensor:
    centred = x - x.mean(-1, keepdim=True)
    return centred / (centred.square().mean(-1, keepdim=True) + 1e-5).sqrt() * layer.weight


def rewrite(layer: Any, q: Tensor, contexts: dict[str, Tensor]) -> Tensor:
    """One conversation without padding; a fresh layer's norms have no shift."""
    for source in layer.attention:
        if source in contexts:
            heard = attend(layer.attention[source], q, contexts[source])
            q = norm(q + heard, layer.attention_norm[source])
    return norm(q + layer.down(layer.up(q).clamp(min=0)), layer.feed_norm)


def contexts_of(model: MultiEMO, x: dict[str, Tensor], talk: list[int]) -> dict[str, Tensor]:
    """Each modality of one conversation on its own, one direction after the other."""
    speaks = one_hot(torch.tensor(talk), model.speakers).float()
    found = {}
    for name, features in x.items():
        u, ways = model.project[name](features), []
        for k in range(2):
            row = 2 * list(WIDTHS).index(name) + k
            one = DialogueCells(1, WIDTH, 0.0)
            state = model.cells.state_dict()
            one.load_state_dict({key: value[row : row + 1] for key, value in state.items()})
            read = (lambda s: s.flip(0)) if k else (lambda s: s)
            ways.append(read(one(read(u)[None, None], read(speaks)[None, None])[0, 0]))
        found[name] = model.context[name](torch.cat(ways, -1)).relu()
    return found


@pytest.mark.parametrize("names", VIEWS, ids="+".join)
def test_a_layer_attends_to_each_present_source_in_turn(names: Any) -> None:
    layer = MultiAttnLayer(["audio", "video"], WIDTH, HEADS, 0.3).eval()
    contexts = {m: torch.randn(len(LENGTHS), 5, WIDTH) for m in names}
    q = torch.randn(len(LENGTHS), 5, WIDTH)
    mask = torch.arange(5) < torch.tensor(LENGTHS)[:, None]
    found = layer(q[None], contexts, [names], mask)[0]
    for n, length in enumerate(LENGTHS):
        here = {m: c[n, :length] for m, c in contexts.items()}
        close(found[n, :length], rewrite(layer, q[n, :length], here))


@pytest.mark.parametrize("names", VIEWS, ids="+".join)
def test_features_are_each_modality_rewritten_by_the_first_contexts_of_the_others(
    names: Any,
) -> None:
    model: Any = built(MultiEMO, WIDTHS, WIDTH, options={"heads": HEADS}).eval()
    talk = [[0, 1, 2, 0, 1], [0], [0, 1, 1]]
    speakers = torch.tensor([s + [0] * (5 - len(s)) for s in talk])
    mask = torch.arange(5) < torch.tensor(LENGTHS)[:, None]
    features = {m: torch.randn(len(LENGTHS), 5, width) for m, width in WIDTHS.items()}
    batch = Batch(features, speakers, speakers, mask, torch.tensor(LENGTHS))
    found = model.features(batch, [frozenset(names)])[0].split(LENGTHS)
    for n, length in enumerate(LENGTHS):
        contexts = contexts_of(model, {m: features[m][n, :length] for m in names}, talk[n])
        total = model.out_bias
        for name in names:
            q = contexts[name]
            for layer in model.attention[name]:
                q = rewrite(layer, q, contexts)
            total = total + q @ model.out[name].weight.T
        close(found[n], total)


def test_a_hidden_size_that_the_heads_do_not_divide_is_refused() -> None:
    with pytest.raises(InputError, match=r"hidden_size 30 .* heads 4 .* 'multiemo'"):
        TrialConfig.parse({"backbone": "multiemo", "hidden_size": 30})
