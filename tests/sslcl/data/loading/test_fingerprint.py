"""The fingerprint changes with anything that training or evaluation can read, and only then."""

from dataclasses import replace
from typing import Any

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sslcl.data import Conversation, Dataset, load_dataset
from sslcl.data.loading.fingerprint import fingerprint

SMALL = load_dataset("synthetic", {"conversations": 14})
SPLITS = ("train", "validation", "test")


def with_conversation(split: str, index: int, conversation: Conversation) -> Dataset:
    members = list(getattr(SMALL, split))
    members[index] = conversation
    changed: dict[str, Any] = {split: tuple(members)}
    return replace(SMALL, **changed)


@st.composite
def places(draw: st.DrawFn) -> tuple[str, int, Conversation, int]:
    split = draw(st.sampled_from(SPLITS))
    members = getattr(SMALL, split)
    index = draw(st.integers(0, len(members) - 1))
    return split, index, members[index], draw(st.integers(0, len(members[index]) - 1))


@given(places(), st.data())
@settings(max_examples=60, deadline=None)
def test_any_changed_value_changes_it(
    place: tuple[str, int, Conversation, int], data: st.DataObject
) -> None:
    split, index, conversation, row = place
    what = data.draw(st.sampled_from(["feature", "label", "speaker", "utterance id", "id"]))
    if what == "feature":
        name = data.draw(st.sampled_from(list(SMALL.modalities)))
        column = data.draw(st.integers(0, SMALL.modalities[name] - 1))
        x = conversation.features[name].clone()
        x[row, column] = torch.nextafter(x[row, column], torch.tensor(torch.inf))
        changed = replace(conversation, features={**conversation.features, name: x})
    elif what == "label":
        labels = conversation.labels.clone()
        labels[row] = (labels[row] + data.draw(st.integers(1, 6))) % 7
        changed = replace(conversation, labels=labels)
    elif what == "speaker":
        speakers = conversation.speakers.clone()
        speakers[row] += 1
        changed = replace(conversation, speakers=speakers)
    elif what == "utterance id":
        ids = list(conversation.utterance_ids)
        ids[row] += "x"
        changed = replace(conversation, utterance_ids=tuple(ids))
    else:
        changed = replace(conversation, id=conversation.id + "x")
    assert fingerprint(with_conversation(split, index, changed)) != SMALL.fingerprint


@given(st.sampled_from(SPLITS), st.data())
@settings(max_examples=20, deadline=None)
def test_the_order_of_conversations_changes_it(split: str, data: st.DataObject) -> None:
    members = getattr(SMALL, split)
    order = data.draw(st.permutations(range(len(members))))
    changed: dict[str, Any] = {split: tuple(members[i] for i in order)}
    moved = replace(SMALL, **changed)
    assert (fingerprint(moved) == SMALL.fingerprint) == (order == sorted(order))


def test_moving_a_conversation_to_another_split_changes_it() -> None:
    moved = replace(SMALL, train=SMALL.train[:-1], validation=(SMALL.train[-1], *SMALL.validation))
    assert fingerprint(moved) != SMALL.fingerprint


def test_swapping_text_between_neighbouring_ids_changes_it() -> None:
    first = SMALL.train[0]
    joined = replace(
        first,
        id=first.id + first.utterance_ids[0][:1],
        utterance_ids=(first.utterance_ids[0][1:], *first.utterance_ids[1:]),
    )
    assert fingerprint(with_conversation("train", 0, joined)) != SMALL.fingerprint


def test_label_names_and_modalities_count() -> None:
    assert fingerprint(replace(SMALL, label_names=SMALL.label_names[::-1])) != SMALL.fingerprint
    assert (
        fingerprint(replace(SMALL, modalities=dict(reversed(list(SMALL.modalities.items())))))
        != SMALL.fingerprint
    )


def test_words_about_the_data_do_not_count() -> None:
    renamed = replace(SMALL, name="other", description="other words", facts={"figure": 1.0})
    assert fingerprint(renamed) == SMALL.fingerprint
