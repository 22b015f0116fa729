"""DialogueRNN against its recurrence, one conversation and one direction at a time."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from sslcl.backbones.dialogue_rnn import (
    DialogueCells,
    DialogueRNN,
    GRUCells,
    Listener,
    attend,
    both_orders,
)
from sslcl.data.types import Batch
from sslcl.testing.backbone_cases import built
from sslcl.validation import Scalar

WIDTH = 4


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def build_backbone(**options: Scalar) -> DialogueRNN:
    torch.manual_seed(0)
    return built(DialogueRNN, {"text": 3}, WIDTH, options=options)


def torch_cell(cells: GRUCells, k: int, *known: Tensor) -> nn.GRUCell:
    """The k-th cell as torch's own; ``known`` are input maps that stand before the cell's."""
    maps = torch.cat([*(m[k] for m in known), cells.input[k]])
    cell = nn.GRUCell(len(maps), WIDTH)
    cell.weight_ih.data, cell.bias_ih.data = maps.T, cells.input_bias[k, 0]
    cell.weight_hh.data, cell.bias_hh.data = cells.state[k].T, cells.state_bias[k, 0]
    return cell


def listening_cell(cells: DialogueCells, k: int) -> nn.GRUCell | None:
    if cells.listener is None:
        return None
    return torch_cell(cells.listener.cell, k, cells.listener.utterance)


def score(cells: DialogueCells, k: int, g: Tensor, u: Tensor) -> Tensor:
    """How much a past dialogue state counts: by what is said, or by one vector for all."""
    if cells.query.shape[1] == 1:
        return g @ cells.query[k, 0]
    return g @ (u @ cells.query[k])


def emotion_states(model: DialogueRNN, k: int, u: Tensor, speakers: list[int]) -> list[Tensor]:
    """The paper's loop over one conversation as read by direction ``k``."""
    cells = model.cells
    gru_g = torch_cell(cells.dialogue, k, cells.utterance_to_dialogue)
    gru_p = torch_cell(cells.party, k, cells.utterance_to_party)
    gru_e = torch_cell(cells.emotion, k)
    gru_l = listening_cell(cells, k)
    g, e = torch.zeros(WIDTH), torch.zeros(WIDTH)
    parties = {p: torch.zeros(WIDTH) for p in range(model.speakers)}
    memory: list[Tensor] = []
    emotions: list[Tensor] = []
    for u_t, s in zip(u, speakers, strict=True):
        context = torch.zeros(WIDTH)
        if memory:
            scores = torch.stack([score(cells, k, g_i, u_t) for g_i in memory])
            context = scores.softmax(0) @ torch.stack(memory)
        g = gru_g(torch.cat([u_t, parties[s]]), g)
        parties[s] = gru_p(torch.cat([u_t, context]), parties[s])
        for p in parties:
            if gru_l is not None and p != s:
                parties[p] = gru_l(torch.cat([u_t, parties[s]]), parties[p])
        e = gru_e(parties[s], e)
        memory.append(g)
        emotions.append(e)
    return emotions


@pytest.mark.parametrize("memory_attention", ["general", "simple"])
@pytest.mark.parametrize("active_listener", [False, True])
def test_dialogue_rnn_is_its_recurrence_in_both_directions(
    memory_attention: str, active_listener: bool
) -> None:
    lengths, talk = (6, 1, 3), [[0, 1, 0, 2, 1, 0], [0], [0, 1, 1]]
    model = build_backbone(
        memory_attention=memory_attention, active_listener=active_listener
    ).eval()
    assert model.cells.query.shape == (2, 1 if memory_attention == "simple" else WIDTH, WIDTH)
    assert (model.cells.listener is not None) == active_listener
    x = torch.randn(3, 6, 3)
    speakers = torch.tensor([s + [0] * (6 - len(s)) for s in talk])
    mask = torch.arange(6) < torch.tensor(lengths)[:, None]
    batch = Batch({"text": x}, speakers, speakers, mask, torch.tensor(lengths))
    found = model.features(batch, [frozenset(["text"])])[0].split(lengths)
    for n, length in enumerate(lengths):
        u = model.fuse.project["text"](x[n, :length])
        forwards = emotion_states(model, 0, u, talk[n])
        backwards = emotion_states(model, 1, u.flip(0), talk[n][::-1])[::-1]
        for t in range(length):
            expected = model.out(torch.cat([forwards[t], backwards[t]])).relu()
            torch.testing.assert_close(found[n][t], expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("option", [{"memory_attention": "simple"}, {"active_listener": True}])
def test_an_option_has_its_own_weights_and_leaves_all_others_as_drawn(
    option: dict[str, Any],
) -> None:
    plain, changed = build_backbone().state_dict(), build_backbone(**option).state_dict()
    own = {key for key in changed if "listener" in key or key == "cells.query"}
    assert all("listener" not in key for key in plain)
    assert changed.keys() - own == plain.keys() - own
    assert all(torch.equal(plain[key], changed[key]) for key in changed.keys() - own)


def test_simple_attention_weighs_the_past_alike_whatever_is_said() -> None:
    cells = DialogueCells(1, WIDTH, 0.0, "simple")
    memory, two = torch.randn(1, 2, 5, WIDTH), torch.randn(1, 2, 1, WIDTH)
    memory[:, 1] = memory[:, 0]
    found = attend(cells.query, memory)
    weights = (memory[0, 0] @ cells.query[0, 0]).softmax(0)
    expected = sum(a * g for a, g in zip(weights, memory[0, 0], strict=True))
    torch.testing.assert_close(found, expected.expand(1, 2, WIDTH))
    # After one utterance there is one state to attend to, and no choice.
    assert torch.equal(attend(cells.query, two), two[:, :, 0])


def test_a_participant_who_only_listened_starts_from_what_was_heard() -> None:
    model = build_backbone(active_listener=True).eval()
    x, mask = torch.randn(1, 3, 3), torch.ones(1, 3, dtype=torch.bool)
    speakers = torch.tensor([[0, 0, 1]])
    batch = Batch({"text": x}, speakers, speakers, mask, torch.tensor([3]))
    heard = model.features(batch, [frozenset(["text"])])[0]
    model.cells.listener = None
    silent = model.features(batch, [frozenset(["text"])])[0]
    assert not torch.allclose(heard[2], silent[2], atol=1e-4)


def test_dropout_acts_on_what_listeners_make_of_an_utterance() -> None:
    cells = DialogueCells(1, WIDTH, 0.5)
    cells.listener = Listener(1, WIDTH)
    seen: list[torch.Size] = []
    cells.drop.register_forward_hook(lambda _, given, out: seen.append(out.shape))
    cells(torch.randn(1, 2, 1, WIDTH), torch.eye(2)[None, :, None].expand(1, 2, 1, 2))
    assert seen == [(1, 2, WIDTH), (1, 2, WIDTH), (1, 2, 2, WIDTH), (1, 2, WIDTH)]


def test_side_by_side_cells_are_torch_cells() -> None:
    cells, x, h = GRUCells(3, WIDTH), torch.randn(3, 5, WIDTH), torch.randn(3, 5, WIDTH)
    found = cells(x, h)
    for k in range(3):
        expected = torch_cell(cells, k)(x[k], h[k])
        torch.testing.assert_close(found[k], expected, atol=1e-6, rtol=1e-5)


def test_reading_backwards_leaves_the_padding_where_it_is() -> None:
    mask = torch.tensor([[True, True, True, False], [True, False, False, False]])
    forwards, backwards = both_orders(mask).tolist()
    assert forwards == [[0, 1, 2, 3], [0, 1, 2, 3]]
    assert backwards == [[2, 1, 0, 3], [0, 1, 2, 3]]
