"""Padding conversations into batches."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sslcl.data import PAD_LABEL, Batch, Conversation


def conversation(length: int, seed: int) -> Conversation:
    generator = torch.Generator().manual_seed(seed)
    return Conversation(
        id=f"c{seed}",
        utterance_ids=tuple(f"c{seed}_{t}" for t in range(length)),
        speakers=torch.randint(0, 3, (length,), generator=generator),
        labels=torch.randint(0, 5, (length,), generator=generator),
        features={
            "text": torch.randn(length, 4, generator=generator),
            "audio": torch.randn(length, 2, generator=generator),
        },
    )


@given(st.lists(st.integers(1, 9), min_size=1, max_size=6))
@settings(max_examples=40, deadline=None)
def test_a_batch_holds_its_conversations_and_zeros(lengths: list[int]) -> None:
    members = [conversation(length, seed) for seed, length in enumerate(lengths)]
    batch = Batch.of(members)
    assert batch.lengths.tolist() == lengths
    assert batch.mask.sum(1).tolist() == lengths
    for row, c in enumerate(members):
        t = len(c)
        assert batch.mask[row].tolist() == [True] * t + [False] * (max(lengths) - t)
        assert torch.equal(batch.labels[row, :t], c.labels)
        assert torch.equal(batch.speakers[row, :t], c.speakers)
        assert (batch.labels[row, t:] == PAD_LABEL).all()
        assert (batch.speakers[row, t:] == 0).all()
        for name, x in c.features.items():
            assert torch.equal(batch.features[name][row, :t], x)
            assert (batch.features[name][row, t:] == 0).all()


@given(st.lists(st.integers(1, 9), min_size=1, max_size=6), st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_valid_labels_go_conversation_by_conversation(lengths: list[int], random: object) -> None:
    members = [conversation(length, seed) for seed, length in enumerate(lengths)]
    random.shuffle(members)  # type: ignore[attr-defined]
    expected = torch.cat([c.labels for c in members])
    assert torch.equal(Batch.of(members).valid_labels, expected)


def test_moving_keeps_lengths_on_the_cpu() -> None:
    batch = Batch.of([conversation(3, 0), conversation(5, 1)]).to(torch.device("meta"))
    assert batch.features["text"].device.type == "meta"
    assert batch.mask.device.type == "meta"
    assert batch.lengths.device.type == "cpu"
