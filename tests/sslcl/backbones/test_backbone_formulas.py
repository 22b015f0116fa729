"""The formula-bearing parts of backbones against loops written from their equations."""

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from sslcl.backbones._attention import attend
from sslcl.backbones._parts import (
    General2Attention,
    ModalitySum,
    RelationalConv,
    Utterances,
    masked_softmax,
    speaker_relations,
    window_edges,
)
from sslcl.backbones._recurrence import run_recurrent
from sslcl.backbones.dialogue_gcn import (
    POSITIONS,
    DialogueGCN,
    EdgeAttention,
    GraphConv,
    PositionAttention,
)
from sslcl.backbones.transformer import EncoderBlock, sinusoidal_positions
from sslcl.data.types import Batch
from sslcl.testing.backbone_cases import built
from sslcl.validation import Scalar

WIDTH = 4
LENGTHS = (6, 1, 4)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def states(lengths: tuple[int, ...] = LENGTHS, width: int = WIDTH) -> Tensor:
    """Random everywhere, in the padding too, so that a formula which reads it shows."""
    return torch.randn(len(lengths), max(lengths), width)


def mask_of(lengths: tuple[int, ...] = LENGTHS) -> Tensor:
    return torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]


def softmax(scores: list[Tensor]) -> list[Tensor]:
    powers = [score.exp() for score in scores]
    return [power / sum(powers) for power in powers]


def window(t: int, length: int, past: int, future: int) -> list[int]:
    return [j for j in range(length) if t - past <= j <= t + future]


def close(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_general2_attention_is_its_definition() -> None:
    attention, h = General2Attention(WIDTH), 2 * states()
    found = attention(h, mask_of())
    w, b = attention.query.weight, attention.query.bias
    for n, length in enumerate(LENGTHS):
        for t in range(length):
            scores = [torch.tanh((w @ h[n, t] + b) @ h[n, i]) for i in range(length)]
            weights = softmax(scores)
            close(found[n, t], torch.stack(weights) @ h[n, :length])


def test_edge_weights_are_a_softmax_over_the_window_by_content() -> None:
    attention, h = EdgeAttention(WIDTH), states()
    found = attention(h, window_edges(mask_of(), past=2, future=1))
    w = attention.bilinear.weight
    for n, length in enumerate(LENGTHS):
        for i in range(length):
            heard = window(i, length, past=2, future=1)
            expected = torch.zeros(h.shape[1])
            weights = softmax([h[n, j] @ w @ h[n, i] for j in heard])
            for j, weight in zip(heard, weights, strict=True):
                expected[j] = weight
            close(found[n, i], expected)
            close(found[n, i].sum(), torch.tensor(1.0))


@pytest.mark.parametrize("lengths", [LENGTHS, (POSITIONS + 3, 2)], ids=str)
def test_position_weights_are_a_softmax_over_the_hearers_by_the_row_of_the_source(
    lengths: Any,
) -> None:
    attention, h = PositionAttention(WIDTH), states(lengths)
    found = attention(h, window_edges(mask_of(lengths), past=2, future=1))
    for n, length in enumerate(lengths):
        expected = torch.zeros(h.shape[1], h.shape[1])
        for j in range(length):
            row = attention.row.weight[j if j < 110 else 109]
            hearers = [i for i in range(length) if j in window(i, length, past=2, future=1)]
            weights = softmax([row @ h[n, i] for i in hearers])
            for i, weight in zip(hearers, weights, strict=True):
                expected[i, j] = weight
        close(found[n], expected)
        close(found[n, :, :length].sum(dim=0), torch.ones(length))


def test_the_released_edges_are_those_of_windows_as_long_back_as_ahead() -> None:
    """Released: a[i, j] is a softmax over the j in the window of i, to which i sends."""
    attention, h = PositionAttention(WIDTH), states((7,))
    found = attention(h, window_edges(mask_of((7,)), past=2, future=2))[0]
    for i in range(7):
        sent_to = window(i, 7, past=2, future=2)
        a = softmax([attention.row.weight[i] @ h[0, j] for j in sent_to])
        close(found[sent_to, i], torch.stack(a))


def test_the_kind_of_edges_leaves_all_other_weights_as_drawn() -> None:
    kinds = []
    for kind in ("content", "position"):
        torch.manual_seed(0)
        kinds.append(built(DialogueGCN, {"text": 3}, WIDTH, options={"edges": kind}).state_dict())
    content, position = kinds
    assert content.keys() - position.keys() == {"edge_attention.bilinear.weight"}
    assert position.keys() - content.keys() == {"edge_attention.row.weight"}
    assert all(torch.equal(content[key], position[key]) for key in content.keys() & position.keys())


def test_relational_convolution_is_a_sum_over_relations_and_neighbours() -> None:
    conv, h = RelationalConv(WIDTH, 3, relations=2), states()
    size = h.shape[1]
    weights = torch.rand(len(LENGTHS), 2, size, size) * mask_of()[:, None, None, :]
    found = conv(h, weights)
    for n, length in enumerate(LENGTHS):
        for i in range(length):
            expected = conv.root.weight @ h[n, i] + conv.root.bias
            for r in range(2):
                for j in range(length):
                    expected = expected + weights[n, r, i, j] * (conv.relation[r].T @ h[n, j])
            close(found[n, i], expected)


def test_graph_convolution_is_a_sum_over_neighbours() -> None:
    conv, x = GraphConv(WIDTH), states()
    found = conv(x, window_edges(mask_of(), past=1, future=3))
    for n, length in enumerate(LENGTHS):
        for i in range(length):
            expected = conv.root.weight @ x[n, i] + conv.root.bias
            for j in window(i, length, past=1, future=3):
                expected = expected + conv.neighbour.weight @ x[n, j]
            close(found[n, i], expected)


def arriving(model: DialogueGCN, h: Tensor, i: int, past: int, future: int) -> dict[int, Tensor]:
    """Source to weight, for all that utterance i of one conversation hears."""
    heard = window(i, len(h), past, future)
    if isinstance(model.edge_attention, EdgeAttention):
        scores = [h[j] @ model.edge_attention.bilinear.weight @ h[i] for j in heard]
        return dict(zip(heard, softmax(scores), strict=True))
    found = {}
    for j in heard:
        hearers = [k for k in range(len(h)) if j in window(k, len(h), past, future)]
        row = model.edge_attention.row.weight[j]
        found[j] = softmax([row @ h[k] for k in hearers])[hearers.index(i)]
    return found


@pytest.mark.parametrize("edges", ["content", "position"])
def test_dialogue_gcn_is_its_equations_node_by_node(edges: str) -> None:
    lengths, past, future = (5, 2), 2, 1
    chosen: dict[str, Scalar] = {
        "window_past": past,
        "window_future": future,
        "layers": 1,
        "edges": edges,
    }
    model = built(DialogueGCN, {"text": 3}, WIDTH, options=chosen).eval()
    speakers = torch.tensor([[0, 1, 0, 2, 1], [0, 0, 0, 0, 0]])
    x = torch.randn(2, 5, 3) * mask_of(lengths)[..., None]
    batch = Batch({"text": x}, speakers, speakers, mask_of(lengths), torch.tensor(lengths))
    found = model.features(batch, [frozenset(["text"])])[0].split(lengths)
    for n, length in enumerate(lengths):
        h = model.context(model.fuse.project["text"](x[n : n + 1, :length]))[0][0]
        rows = []
        for i in range(length):
            y = model.relational.root(h[i])
            for j, weight in arriving(model, h, i, past, future).items():
                relation = 2 * (speakers[n, i] != speakers[n, j]) + int(j >= i)
                y = y + weight * (h[j] @ model.relational.relation[relation])
            rows.append(y)
        for i in range(length):
            z = model.graph.root(rows[i])
            for j in window(i, length, past, future):
                z = z + model.graph.neighbour(rows[j])
            close(found[n][i], torch.relu(model.out(torch.cat([h[i], z]))))


def test_relations_tell_speaker_and_direction_and_exactly_one_holds() -> None:
    speakers = torch.tensor([[0, 1, 0, 2]])
    relations = speaker_relations(speakers)[0]
    assert torch.equal(relations.sum(dim=0), torch.ones(4, 4, dtype=torch.long))
    assert relations[0, 2, 0]  # hearer 2, source 0: same speaker, earlier
    assert relations[1, 0, 2]  # same speaker, later
    assert relations[1, 1, 1]  # itself
    assert relations[2, 3, 1]  # another speaker, earlier
    assert relations[3, 1, 2]  # another speaker, later


@given(
    lengths=st.lists(st.integers(1, 9), min_size=1, max_size=4),
    past=st.integers(0, 10),
    future=st.integers(0, 10),
)
@settings(max_examples=30, deadline=None)
def test_a_window_holds_the_utterance_its_past_and_its_future(
    lengths: list[int], past: int, future: int
) -> None:
    edges = window_edges(mask_of(tuple(lengths)), past, future)
    for n, length in enumerate(lengths):
        for i in range(max(lengths)):
            heard = window(i, length, past, future) if i < length else []
            assert edges[n, i].nonzero().flatten().tolist() == heard


def test_a_softmax_over_nothing_is_zero_with_a_finite_gradient() -> None:
    scores = torch.randn(2, 3, requires_grad=True)
    mask = torch.tensor([[True, False, True], [False, False, False]])
    found = masked_softmax(scores, mask)
    close(found[0, [0, 2]], scores[0, [0, 2]].softmax(0))
    assert found[0, 1] == 0
    assert found[1].tolist() == [0, 0, 0]
    found.square().sum().backward()
    assert scores.grad is not None
    assert scores.grad.isfinite().all()


def test_the_sum_of_modalities_is_one_linear_layer_over_the_present_ones() -> None:
    fuse: Any = ModalitySum({"text": 3, "audio": 2}, WIDTH)
    text, audio = torch.randn(1, 2, 3), torch.randn(1, 2, 2)
    rest = torch.zeros(1, 2)
    batch = Batch({"text": text, "audio": audio}, rest, rest, rest, rest)
    t, a = fuse.project["text"], fuse.project["audio"]
    joined = torch.cat([text, audio], -1) @ torch.cat([t.weight, a.weight], 1).T
    close(fuse(batch, [frozenset(["text", "audio"])]), joined + t.bias + a.bias)
    rows = fuse.rows(replace(batch, mask=torch.tensor([[True, False]])), [frozenset(["audio"])])
    close(rows, fuse(batch, [frozenset(["audio"])])[0, :1])
    close(fuse(batch, [frozenset(["audio"])]), audio @ a.weight.T + a.bias)


@pytest.mark.parametrize("cell", [nn.GRU, nn.LSTM])
def test_a_packed_network_runs_over_each_conversation_alone(cell: Any) -> None:
    rnn, x = cell(WIDTH, 3, 2, batch_first=True, bidirectional=True), states()
    found = run_recurrent(rnn, x, torch.tensor(LENGTHS))
    for n, length in enumerate(LENGTHS):
        close(found[n, :length], rnn(x[n : n + 1, :length])[0][0])
        assert not found[n, length:].any()


def test_an_encoder_block_is_its_equations() -> None:
    heads, width = 2, 6
    block, x = EncoderBlock(width, heads, 0.0), states(width=width)
    utterances = Utterances.of(mask_of())
    found = utterances.padded(block(utterances.rows(x), utterances))
    for n, length in enumerate(LENGTHS):
        parts = block.query_key_value(block.attention_norm(x[n, :length]))
        q, k, v = parts.split(width, dim=-1)
        for t in range(length):
            heard = []
            for head in range(heads):
                part = slice(head * width // heads, (head + 1) * width // heads)
                scale = math.sqrt(width // heads)
                weights = softmax([q[t, part] @ k[i, part] / scale for i in range(length)])
                heard.append(sum(weights[i] * v[i, part] for i in range(length)))
            y = x[n, t] + block.merge(torch.cat(heard))
            inner = block.up(block.feed_norm(y))
            close(found[n, t], y + block.down(inner * 0.5 * (1 + torch.erf(inner / 2**0.5))))


@pytest.mark.parametrize("width", [1, 5, 8])
def test_positions_are_sines_then_cosines(width: int) -> None:
    found = sinusoidal_positions(7, width, torch.device("cpu"))
    half = (width + 1) // 2
    for t in range(7):
        angles = [t / 10_000 ** (2 * k / width) for k in range(half)]
        expected = [math.sin(a) for a in angles] + [math.cos(a) for a in angles]
        close(found[t], torch.tensor(expected[:width]))


def test_attention_that_drops_weights_has_the_mean_and_gradient_of_the_kernel_without() -> None:
    q, k, v = (torch.randn(3, 2, 6, 4, requires_grad=True) for _ in range(3))
    mask = mask_of()[:, None, None, : k.shape[2]]
    exact = attend(q, k, v, mask, 0.0)
    drawn = torch.stack([attend(q, k, v, mask, 0.2).detach() for _ in range(800)])
    error = drawn.std(dim=0) / len(drawn) ** 0.5
    assert ((drawn.mean(dim=0) - exact).abs() < 5 * error).all()
    # So little is dropped that nothing is, but for a weight in sixty thousand.
    few = attend(q, k, v, mask, 2**-16)
    weights = torch.randn_like(exact)
    for ours, theirs in zip(
        torch.autograd.grad((few * weights).sum(), (q, k, v)),
        torch.autograd.grad((exact * weights).sum(), (q, k, v)),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs, atol=1e-3, rtol=1e-3)
