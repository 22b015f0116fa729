"""Balanced classes: every utterance stays as context, a fair choice carries loss and score."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sslcl.config import TrialConfig
from sslcl.data import PAD_LABEL, Conversation, Dataset, Split, load_dataset
from sslcl.data.balance import select
from sslcl.errors import InputError
from sslcl.training import Trainer


@pytest.fixture(scope="module")
def data() -> Dataset:
    return load_dataset("synthetic", {"conversations": 28})


def conversation(name: str, labels: list[int]) -> Conversation:
    count = len(labels)
    return Conversation(
        name,
        tuple(f"u{i}" for i in range(count)),
        torch.zeros(count, dtype=torch.int64),
        torch.tensor(labels),
        {"text": torch.zeros(count, 2)},
    )


def counts(split: Split) -> np.ndarray:
    labels = torch.cat([c.labels for c in split])
    return np.bincount(labels[labels != PAD_LABEL].numpy())


@given(
    st.lists(st.lists(st.integers(-1, 3), min_size=1, max_size=8), min_size=1, max_size=6).filter(
        lambda rows: any(label >= 0 for row in rows for label in row)
    ),
    st.sampled_from(["balanced", "1.5", "2", "3"]),
)
def test_no_class_has_more_than_ratio_times_the_smallest(rows: Any, balance: str) -> None:
    split = tuple(conversation(f"c{i}", labels) for i, labels in enumerate(rows))
    before, found = counts(split), counts(select(split, balance))
    ratio = 1.0 if balance == "balanced" else float(balance)
    smallest = before[before > 0].min()
    most = int(ratio * smallest)
    assert found.tolist() == np.minimum(before, most).tolist()[: len(found)]
    after = select(split, balance)
    for old, new in zip(split, after, strict=True):
        assert new.id == old.id
        assert new.utterance_ids == old.utterance_ids
        kept = new.labels != PAD_LABEL
        assert torch.equal(new.labels[kept], old.labels[kept])
        assert torch.equal(new.features["text"], old.features["text"])


def test_the_choice_depends_on_ids_alone(data: Dataset) -> None:
    forwards = {c.id: c.labels.tolist() for c in select(data.train, "balanced")}
    backwards = {c.id: c.labels.tolist() for c in select(data.train[::-1], "balanced")}
    assert forwards == backwards


def test_choosing_again_changes_nothing(data: Dataset) -> None:
    once = select(data.train, "2")
    assert [c.labels.tolist() for c in select(once, "2")] == [c.labels.tolist() for c in once]


def test_natural_is_the_split_itself(data: Dataset) -> None:
    assert select(data.train, "natural") is data.train


def test_loss_and_score_are_of_the_chosen_and_features_see_all(data: Dataset) -> None:
    trainer = Trainer(TrialConfig(balance="balanced", epochs=1), data)
    trainer.fit_epoch()
    assert data.test is not None
    found = trainer.test(data.test)
    chosen = [
        (c.id, u)
        for c in select(data.test, "balanced")
        for u, label in zip(c.utterance_ids, c.labels.tolist(), strict=True)
        if label != PAD_LABEL
    ]
    assert list(zip(found.conversations, found.utterances, strict=True)) == chosen
    assert set(np.bincount(found.labels).tolist()) <= {0, 1}  # The rarest class is there once.
    everything = trainer.evaluate(data.test)
    assert everything.predictions[found.positions].tolist() == found.predictions.tolist()
    shares = trainer.model.class_prior
    assert len(shares[shares > 0].unique()) == 1


def test_a_context_only_utterance_changes_no_loss_by_its_label_but_by_its_words(
    data: Dataset,
) -> None:
    """Losing a label removes a term of the loss; losing the utterance changes the others too."""
    first = data.train[0]
    labels = first.labels.clone()
    labels[0] = PAD_LABEL
    hidden = replace(data, train=(replace(first, labels=labels), *data.train[1:]))
    other = dict(first.features) | {"text": first.features["text"] + 1.0}
    altered = replace(data, train=(replace(first, labels=labels, features=other), *data.train[1:]))
    losses = [
        Trainer(TrialConfig(epochs=1, backbone="recurrent"), d).fit_epoch()["train_loss"]
        for d in (data, hidden, altered)
    ]
    assert len(set(losses)) == 3


def test_a_batch_without_labels_is_passed_over(data: Dataset) -> None:
    blank = replace(data.train[0], labels=torch.full_like(data.train[0].labels, PAD_LABEL))
    only = replace(data, train=(blank, *data.train[1:]))
    trainer = Trainer(TrialConfig(epochs=1, batch_size=1), only)
    assert np.isfinite(trainer.fit_epoch()["train_loss"])


@pytest.mark.parametrize("value", ["balancd", 0.5, "nan", "inf", -1, True])
def test_anything_else_is_refused_in_one_line(value: Any) -> None:
    with pytest.raises(InputError, match="balance is") as raised:
        TrialConfig.parse({"balance": value})
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(("value", "name"), [(3, "3"), (2.50, "2.5"), ("4", "4"), (1, "balanced")])
def test_a_ratio_is_one_text_however_it_is_written(value: Any, name: str) -> None:
    assert TrialConfig.parse({"balance": value}).balance == name
