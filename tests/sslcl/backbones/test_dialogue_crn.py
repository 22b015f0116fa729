"""DialogueCRN against loops over speakers, utterances and steps."""

from typing import Any

import pytest
import torch
from torch import nn

from sslcl.backbones.dialogue_crn import DialogueCRN, Reasoner, run_by_speaker
from sslcl.data.types import Batch
from sslcl.testing.backbone_cases import built

WIDTH = 4


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize("steps", [0, 1, 2, 4])
def test_reasoning_is_a_loop_of_lstm_steps_over_the_whole_memory(steps: int) -> None:
    lengths = (5, 1, 3)
    reason: Any = Reasoner(WIDTH, steps)
    memory, query = torch.randn(3, 5, WIDTH), torch.randn(3, 5, 2 * WIDTH)
    mask = torch.arange(5) < torch.tensor(lengths)[:, None]
    found = torch.zeros_like(query)
    found[mask] = reason(query[mask], memory, mask)
    cell = nn.LSTMCell(2 * WIDTH, WIDTH)
    if steps:
        cell.weight_ih.data, cell.bias_ih.data = reason.input.weight, reason.input.bias
        cell.bias_hh.data.zero_()
    if steps > 1:
        cell.weight_hh.data = reason.state.weight
    for n, length in enumerate(lengths):
        for t in range(length):
            q_star, state = query[n, t], (torch.zeros(WIDTH), torch.zeros(WIDTH))
            for _ in range(steps):
                state = cell(q_star, state)
                scores = torch.stack([memory[n, i] @ state[0] for i in range(length)])
                weights = scores.exp() / scores.exp().sum()
                read = weights @ memory[n, :length]
                q_star = torch.cat([state[0], read])
            torch.testing.assert_close(found[n, t], q_star, atol=1e-5, rtol=1e-5)


def test_each_participant_is_perceived_as_if_nobody_else_had_spoken() -> None:
    speakers = [[0, 2, 0, 0, 2], [1], [0, 1, 0]]
    rnn = nn.LSTM(3, WIDTH, 2, batch_first=True, bidirectional=True)
    x, speaks = torch.randn(3, 5, 3), torch.zeros(3, 5, 3, dtype=torch.bool)
    for n, talk in enumerate(speakers):
        for t, s in enumerate(talk):
            speaks[n, t, s] = True
    found = run_by_speaker(rnn, x, speaks)
    for n, talk in enumerate(speakers):
        for s in set(talk):
            own = [t for t, who in enumerate(talk) if who == s]
            torch.testing.assert_close(found[n, own], rnn(x[n : n + 1, own])[0][0])
        assert not found[n, len(talk) :].any()


def test_features_join_the_speakers_and_the_situation() -> None:
    options = {"layers": 1, "situation_steps": 2, "speaker_steps": 1}
    model = built(DialogueCRN, {"text": 3}, WIDTH, options=options).eval()
    x, speakers = torch.randn(1, 4, 3), torch.tensor([[0, 1, 1, 0]])
    mask = torch.ones(1, 4, dtype=torch.bool)
    batch = Batch({"text": x}, speakers, speakers, mask, torch.tensor([4]))
    u = model.fuse.project["text"](x)
    party = torch.zeros(1, 4, 2 * WIDTH)
    party[:, [0, 3]], party[:, [1, 2]] = model.party(u[:, [0, 3]])[0], model.party(u[:, [1, 2]])[0]
    situation = model.situation(u)[0]
    by_speaker = model.reasoners[0](model.query(party[0]), party, mask)
    by_situation = model.reasoners[1](model.query(situation[0]), situation, mask)
    expected = model.out(torch.cat([by_speaker, by_situation], -1)).relu()
    found = model.features(batch, [frozenset(["text"])])[0]
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
