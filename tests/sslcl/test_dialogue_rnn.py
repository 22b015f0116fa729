"""DialogueRNN against its recurrence, one conversation and one direction at a time."""

import pytest
import torch
from torch import Tensor, nn

from sslcl.backbones.dialogue_rnn import DialogueRNN, GRUCells, both_orders
from sslcl.data.types import Batch

WIDTH = 4


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def torch_cell(cells: GRUCells, k: int, *known: Tensor) -> nn.GRUCell:
    """The k-th cell as torch's own; ``known`` are input maps that stand before the cell's."""
    maps = torch.cat([*(m[k] for m in known), cells.input[k]])
    cell = nn.GRUCell(len(maps), WIDTH)
    cell.weight_ih.data, cell.bias_ih.data = maps.T, cells.input_bias[k, 0]
    cell.weight_hh.data, cell.bias_hh.data = cells.state[k].T, cells.state_bias[k, 0]
    return cell


def emotion_states(model: DialogueRNN, k: int, u: Tensor, speakers: list[int]) -> list[Tensor]:
    """The paper's loop over one conversation as read by direction ``k``."""
    cells = model.cells
    gru_g = torch_cell(cells.dialogue, k, cells.utterance_to_dialogue)
    gru_p = torch_cell(cells.party, k, cells.utterance_to_party)
    gru_e = torch_cell(cells.emotion, k)
    g, e = torch.zeros(WIDTH), torch.zeros(WIDTH)
    parties = {s: torch.zeros(WIDTH) for s in speakers}
    memory, emotions = [], []
    for u_t, s in zip(u, speakers, strict=True):
        context = torch.zeros(WIDTH)
        if memory:
            scores = torch.stack([g_i @ (u_t @ cells.query[k]) for g_i in memory])
            context = sum(a * g_i for a, g_i in zip(scores.softmax(0), memory, strict=True))
        g = gru_g(torch.cat([u_t, parties[s]]), g)
        parties[s] = gru_p(torch.cat([u_t, context]), parties[s])
        e = gru_e(parties[s], e)
        memory.append(g)
        emotions.append(e)
    return emotions


def test_dialogue_rnn_is_its_recurrence_in_both_directions():
    lengths, talk = (6, 1, 3), [[0, 1, 0, 2, 1, 0], [0], [0, 1, 1]]
    model = DialogueRNN({"text": 3}, 3, WIDTH, 0.3, DialogueRNN.check_options({})).eval()
    x = torch.randn(3, 6, 3)
    speakers = torch.tensor([s + [0] * (6 - len(s)) for s in talk])
    mask = torch.arange(6) < torch.tensor(lengths)[:, None]
    batch = Batch({"text": x}, speakers, speakers, mask, torch.tensor(lengths))
    found = model.features(batch, frozenset(["text"])).split(lengths)
    for n, length in enumerate(lengths):
        u = model.fuse.project["text"](x[n, :length])
        forwards = emotion_states(model, 0, u, talk[n])
        backwards = emotion_states(model, 1, u.flip(0), talk[n][::-1])[::-1]
        for t in range(length):
            expected = model.out(torch.cat([forwards[t], backwards[t]])).relu()
            torch.testing.assert_close(found[n][t], expected, atol=1e-5, rtol=1e-5)


def test_side_by_side_cells_are_torch_cells():
    cells, x, h = GRUCells(3, WIDTH), torch.randn(3, 5, WIDTH), torch.randn(3, 5, WIDTH)
    found = cells(x, h)
    for k in range(3):
        expected = torch_cell(cells, k)(x[k], h[k])
        torch.testing.assert_close(found[k], expected, atol=1e-6, rtol=1e-5)


def test_reading_backwards_leaves_the_padding_where_it_is():
    mask = torch.tensor([[True, True, True, False], [True, False, False, False]])
    forwards, backwards = both_orders(mask).tolist()
    assert forwards == [[0, 1, 2, 3], [0, 1, 2, 3]]
    assert backwards == [[2, 1, 0, 3], [0, 1, 2, 3]]
