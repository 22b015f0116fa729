"""Batches gathered from the device are those padded from conversations."""

from dataclasses import replace

import torch

from sslcl.data import load_dataset
from sslcl.data.resident import ResidentSplit
from sslcl.data.types import Batch


def test_a_batch_is_the_padded_conversations() -> None:
    dataset = load_dataset("synthetic", {"conversations": 35})
    modalities = tuple(dataset.modalities)[:2]

    def doubled(name: str, rows: torch.Tensor) -> torch.Tensor:
        return 2 * rows

    split = ResidentSplit.of(dataset.train, modalities, torch.device("cpu"), doubled)
    assert len(split) == len(dataset.train)
    order = torch.tensor([3, 0, 7, 7])
    ours = split.batch(order)
    theirs = Batch.of([dataset.train[i] for i in order.tolist()])
    assert tuple(ours.features) == modalities
    for name in modalities:
        assert torch.equal(ours.features[name], 2 * theirs.features[name])
    for field in ("speakers", "labels", "mask", "lengths"):
        assert torch.equal(getattr(ours, field), getattr(theirs, field))
    assert ours.standardised
    sizes = [len(batch.lengths) for batch in split.batches(torch.arange(9), 4)]
    assert sizes == [4, 4, 1]


def test_batches_know_whether_every_utterance_has_a_label() -> None:
    train = list(load_dataset("synthetic", {"conversations": 35}).train)[:3]
    modalities = tuple(train[0].features)
    partly = replace(train[0], labels=train[0].labels.clone().index_fill_(0, torch.tensor([0]), -1))

    def same(name: str, rows: torch.Tensor) -> torch.Tensor:
        return rows

    for conversations, complete in ((train, True), ([partly, *train], False)):
        split = ResidentSplit.of(conversations, modalities, torch.device("cpu"), same)
        assert split.batch(torch.tensor([1])).complete is complete
