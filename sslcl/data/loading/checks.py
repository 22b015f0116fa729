"""What every dataset promises, checked after each load."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from sslcl.data.types import PAD_LABEL, Conversation, Dataset, Split
from sslcl.errors import InputError


def splits_of(dataset: Dataset) -> Iterator[tuple[str, Split]]:
    """Name and conversations of each split that the dataset has."""
    yield "train", dataset.train
    yield "validation", dataset.validation
    if dataset.test is not None:
        yield "test", dataset.test


def check_dataset(dataset: Dataset) -> None:
    """Refuse a dataset that breaks a promise which training and evaluation rely on.

    Three non-empty splits; no conversation in two of them; conversations with at least one
    utterance, as many speakers, labels and rows of each modality as utterance ids; unique ids;
    labels that have a name, or none (context only), and in each split at least one that has;
    speakers numbered in the order of their first utterance; finite
    float32 features of the declared widths.

    Raises:
        InputError: one line naming dataset, split, conversation and what was expected.
    """
    if dataset.test is None:
        raise InputError(f"dataset '{dataset.name}' has no test split: expected three splits")
    home: dict[str, str] = {}
    for name, split in splits_of(dataset):
        where = f"dataset '{dataset.name}', split '{name}'"
        if not split:
            raise InputError(f"{where} is empty: expected at least one conversation")
        for conversation in split:
            place = f"{where}, conversation '{conversation.id}'"
            if conversation.id in home:
                before = home[conversation.id]
                raise InputError(
                    f"{place} is also in split '{before}': expected it in one only"
                    if before != name
                    else f"{place} is there twice: expected unique ids"
                )
            home[conversation.id] = name
            problem = next(_problems(conversation, dataset), None)
            if problem is not None:
                raise InputError(f"{place}: {problem}")
        if all(bool((c.labels == PAD_LABEL).all()) for c in split):
            raise InputError(f"{where} has no labelled utterance: expected at least one")


def _problems(conversation: Conversation, dataset: Dataset) -> Iterator[str]:
    """Each promise that ``conversation`` breaks, in words; later checks rely on earlier ones."""
    ids = conversation.utterance_ids
    if not ids:
        yield "has no utterances, expected at least one"
    if repeated := _first_repeated(ids):
        yield f"utterance id '{repeated}' is there twice, expected unique ids"
    if tuple(conversation.features) != tuple(dataset.modalities):
        yield (
            f"has modalities {', '.join(conversation.features) or 'none'}, "
            f"expected {', '.join(dataset.modalities)} in this order"
        )
    yield from _shape_problem("labels", conversation.labels, (len(ids),), torch.int64)
    yield from _shape_problem("speakers", conversation.speakers, (len(ids),), torch.int64)
    for name, width in dataset.modalities.items():
        expected = (len(ids), width)
        yield from _shape_problem(f"'{name}'", conversation.features[name], expected, torch.float32)
        finite = conversation.features[name].isfinite().all(dim=1)
        if not finite.all():
            at = ids[int((~finite).int().argmax())]
            yield f"features of '{name}' are not finite in utterance '{at}', expected numbers"
    yield from _label_problem(conversation, dataset.label_names)
    yield from _speaker_problem(conversation.speakers.tolist(), dataset.speakers)


def _shape_problem(
    what: str, tensor: Tensor, shape: tuple[int, ...], dtype: torch.dtype
) -> Iterator[str]:
    if tuple(tensor.shape) != shape or tensor.dtype != dtype:
        got = f"{str(tensor.dtype)[6:]} of shape {tuple(tensor.shape)}"
        yield f"{what} is {got}, expected {str(dtype)[6:]} of shape {shape}"


def _label_problem(conversation: Conversation, names: Sequence[str]) -> Iterator[str]:
    for utterance, label in zip(
        conversation.utterance_ids, conversation.labels.tolist(), strict=True
    ):
        if label != PAD_LABEL and not 0 <= label < len(names):
            yield f"label of utterance '{utterance}' is {label}, expected 0 to {len(names) - 1}"


def _speaker_problem(speakers: list[int], most: int) -> Iterator[str]:
    first_seen = list(dict.fromkeys(speakers))
    if first_seen != list(range(len(first_seen))):
        yield f"speakers first speak in the order {first_seen}, expected 0, 1, 2 and so on"
    if len(first_seen) > most:
        yield f"has {len(first_seen)} speakers, expected at most {most}"


def _first_repeated(ids: Sequence[str]) -> str | None:
    seen: set[str] = set()
    for one in ids:
        if one in seen:
            return one
        seen.add(one)
    return None
