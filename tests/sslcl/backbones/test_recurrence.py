"""The written loops and gradients against PyTorch's own networks and against autograd."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from sslcl.backbones._dialogue_states import DialogueStates, Turns
from sslcl.backbones._recurrence import LSTMGates, Steps, gru_states, run_recurrent
from sslcl.backbones.dialogue_rnn import DialogueCells

WIDTH = 4
LENGTHS = torch.tensor([3, 7, 1, 7, 4])


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def packed(rnn: nn.GRU | nn.LSTM, x: Tensor) -> Tensor:
    """PyTorch's run over packed sequences."""
    given = pack_padded_sequence(x, LENGTHS, batch_first=True, enforce_sorted=False)
    return pad_packed_sequence(rnn(given)[0], batch_first=True, total_length=x.shape[1])[0]


@pytest.mark.parametrize("cell", [nn.GRU, nn.LSTM])
@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("longest", [7, 9])
def test_a_network_has_the_states_and_gradients_of_the_packed_one(
    cell: type[nn.GRU] | type[nn.LSTM], layers: int, longest: int
) -> None:
    rnn = cell(3, WIDTH, layers, batch_first=True, bidirectional=True)
    x, ways = torch.randn(len(LENGTHS), longest, 3, requires_grad=True), []
    weights = torch.randn(len(LENGTHS), longest, 2 * WIDTH)
    for states in (run_recurrent(rnn, x, LENGTHS), packed(rnn, x)):
        gradients = torch.autograd.grad((states * weights).sum(), [x, *rnn.parameters()])
        ways.append([states, *gradients])
    for ours, theirs in zip(*ways, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)


def test_dropout_acts_between_layers_alone() -> None:
    rnn = nn.GRU(3, WIDTH, 2, batch_first=True, bidirectional=True, dropout=0.5).train()
    x = torch.randn(len(LENGTHS), 7, 3)
    one, two = run_recurrent(rnn, x, LENGTHS), run_recurrent(rnn, x, LENGTHS)
    assert not torch.equal(one, two)
    rnn.eval()
    assert torch.equal(run_recurrent(rnn, x, LENGTHS), run_recurrent(rnn, x, LENGTHS))


def wide(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.double, requires_grad=True)


@pytest.mark.parametrize("drops", [False, True])
def test_the_gradient_of_gru_cells_is_that_of_their_differences(drops: bool) -> None:
    active = [3, 2, 2, 1]
    keep = torch.rand(2, sum(active), WIDTH, dtype=torch.double) if drops else None
    assert torch.autograd.gradcheck(
        lambda gates, state_map, bias: gru_states(gates, state_map, bias, Steps(active, keep)),
        (wide(2, sum(active), 3 * WIDTH), wide(2, WIDTH, 3 * WIDTH), wide(2, 3 * WIDTH)),
    )


def test_dropout_multiplies_each_state_of_a_gru_cell() -> None:
    keep = torch.rand(1, 3, WIDTH, dtype=torch.double)
    gates, state_map, bias = wide(1, 3, 3 * WIDTH), wide(1, WIDTH, 3 * WIDTH), wide(1, 3 * WIDTH)
    states = gru_states(gates, state_map, bias, Steps([1, 1, 1], keep))
    h = torch.zeros(1, WIDTH, dtype=torch.double)
    for t in range(3):
        alone = gru_states(gates[:, t : t + 1], state_map, bias, Steps([1]))
        if t:
            a_r, a_z, a_n = gates[0, t].chunk(3)
            c_r, c_z, c_n = (h[0] @ state_map[0] + bias[0]).chunk(3)
            z = torch.sigmoid(a_z + c_z)
            new = (1 - z) * torch.tanh(a_n + torch.sigmoid(a_r + c_r) * c_n) + z * h[0]
            alone = new[None, None]
        h = keep[:, t] * alone[:, 0]
        torch.testing.assert_close(states[:, t], h)


def test_a_step_of_an_lstm_is_that_of_its_cell_with_the_gradient_of_its_differences() -> None:
    gates, cell = wide(3, 4 * WIDTH), wide(3, WIDTH)
    i, f, g, o = gates.chunk(4, dim=-1)
    state, new = LSTMGates.apply(gates, cell)
    expected = f.sigmoid() * cell + i.sigmoid() * g.tanh()
    torch.testing.assert_close(new, expected)
    torch.testing.assert_close(state, o.sigmoid() * expected.tanh())
    assert torch.autograd.gradcheck(LSTMGates.apply, (gates, cell))


@pytest.mark.parametrize("drops", [False, True])
def test_the_gradient_of_dialogue_states_is_that_of_their_differences(drops: bool) -> None:
    steps, ways, rows, people = 4, 2, 2, 2
    keep = torch.rand(steps, 2 * ways, rows, 3, dtype=torch.double) if drops else None
    speakers = torch.randint(people, (steps, ways * rows))
    speakers = speakers + people * torch.arange(ways * rows)
    turns = Turns(speakers, ways * rows * people, keep)
    assert torch.autograd.gradcheck(
        lambda *given: DialogueStates.apply(*given, turns),
        (
            wide(steps, 2 * ways, rows, 9),
            wide(ways * rows, steps, 3),
            wide(2 * ways, 7, 9),
        ),
    )


@pytest.mark.parametrize("attention", ["general", "simple"])
def test_dialogue_cells_are_the_literal_loop_in_value_and_gradient(attention: str) -> None:
    cells, ways = DialogueCells(2, WIDTH, 0.0, attention).train(), []  # type: ignore[arg-type]
    u = torch.randn(2, 3, 6, WIDTH, requires_grad=True)
    speaks = one_hot(torch.randint(3, (2, 3, 6)), 3).float()
    weights = torch.randn(2, 3, 6, WIDTH)
    for run in (cells.forward, cells.step_by_step):
        states = run(u, speaks)
        gradients = torch.autograd.grad((states * weights).sum(), [u, *cells.parameters()])
        ways.append([states, *gradients])
    for ours, literal in zip(*ways, strict=True):
        torch.testing.assert_close(ours, literal, atol=1e-5, rtol=1e-5)


def test_dropout_of_dialogue_cells_leaves_out_states_and_keeps_their_mean() -> None:
    cells, u = DialogueCells(1, WIDTH, 0.5).train(), torch.randn(1, 400, 1, WIDTH)
    speaks = torch.ones(1, 400, 1, 1)
    assert 0.4 < float((cells(u, speaks) == 0).float().mean()) < 0.6
    assert float(cells.eval()(u, speaks).eq(0).float().mean()) == 0
