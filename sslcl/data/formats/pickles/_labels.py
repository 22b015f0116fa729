"""Tasks and splits of the published tuples: what they hold, and what they leave unsaid."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from sslcl.data.corpus import Task
from sslcl.data.formats.pickles._tuples import ByDialogue, Parts, as_text, shown
from sslcl.data.published.corpora.dailydialog import DAILYDIALOG
from sslcl.data.published.corpora.emorynlp import EMORYNLP, EMORYNLP_SENTIMENT
from sslcl.data.published.corpora.iemocap import IEMOCAP, IEMOCAP_FOUR, IEMOCAP_VALIDATION
from sslcl.data.published.corpora.meld import MELD, MELD_DEVELOPMENT, MELD_SENTIMENT
from sslcl.data.published.corpora.meld import SIZES as MELD_SIZES
from sslcl.errors import InputError

CLASSES: Mapping[str, tuple[str, ...]] = {
    "iemocap": IEMOCAP,
    "meld": MELD,
    "emorynlp": EMORYNLP,
    "dailydialog": DAILYDIALOG,
}
_EMORY_POLARITY = {"Mad": 0, "Sad": 0, "Scared": 0, "Neutral": 1}


Labels = Callable[[str], list[str | None]]


def _named(parts: Parts, field_: str, classes: Sequence[str]) -> Labels:
    def labels(one: str) -> list[str | None]:
        names: list[str | None] = []
        for value in parts.fields[field_][one]:
            number = value.item() if isinstance(value, np.generic) else value
            if not isinstance(number, int) or not -1 <= number < len(classes):
                raise InputError(
                    f"{parts.file}: dialogue '{one}' has the label {shown(number)} in {field_}, "
                    f"expected a number from 0 to {len(classes) - 1}"
                )
            names.append(classes[number] if number >= 0 else None)
        return names

    return labels


def tasks_of(parts: Parts) -> tuple[Parts, dict[str, Task], dict[str, Labels]]:
    classes = CLASSES[parts.corpus]
    tasks = {"emotion": Task("emotion", classes)}
    emotion = _named(parts, "labels", classes)
    names = {"emotion": emotion}
    notes: list[str] = []
    if parts.corpus == "iemocap":
        tasks["emotion4"] = Task("emotion4", IEMOCAP_FOUR)
        names["emotion4"] = lambda one: [n if n in IEMOCAP_FOUR else None for n in emotion(one)]
        notes.append(
            "task emotion4 keeps excited and frustrated utterances as context without a label; "
            "published four-class results drop them"
        )
    elif parts.corpus == "emorynlp":
        tasks["sentiment"] = Task("sentiment", EMORYNLP_SENTIMENT)
        names["sentiment"] = lambda one: [
            None if n is None else EMORYNLP_SENTIMENT[_EMORY_POLARITY.get(n, 2)]
            for n in emotion(one)
        ]
    elif "sentiment" in parts.fields:
        tasks["sentiment"] = Task("sentiment", MELD_SENTIMENT)
        names["sentiment"] = _named(parts, "sentiment", MELD_SENTIMENT)
    return replace(parts, notes=(*parts.notes, *notes)), tasks, names


def with_sentiment(parts: Parts, candidate: Any) -> Parts:
    """MELD with the sentiment labels in a field that no publisher names, if that is what it is.

    In MELD an utterance is of neutral sentiment exactly when it is of neutral emotion, which tells.
    """
    fits = isinstance(candidate, dict) and _is_sentiment(
        {str(key): value for key, value in candidate.items()}, parts.fields["labels"]
    )
    if fits:
        sentiment = {str(key): value for key, value in candidate.items()}
        note = "sentiment is the last field, whose values agree with the emotions"
        return replace(
            parts, fields={**parts.fields, "sentiment": sentiment}, notes=(*parts.notes, note)
        )
    note = "no task sentiment: the last field does not hold values that agree with the emotions"
    return replace(parts, notes=(*parts.notes, note))


def _is_sentiment(candidate: ByDialogue, emotions: ByDialogue) -> bool:
    try:
        return all(
            len(candidate[one]) == len(labels)
            and all(
                int(s) in (0, 1, 2) and (int(s) == 0) == (int(e) == 0)
                for s, e in zip(candidate[one], labels, strict=True)
            )
            for one, labels in emotions.items()
        )
    except (KeyError, OverflowError, TypeError, ValueError):
        return False


def with_official_validation(parts: Parts) -> Parts:
    """The usual validation dialogues, where a file merged them into its training split."""
    if "validation" in parts.splits:
        return parts
    train = parts.splits["train"]
    if parts.corpus == "iemocap":
        chosen = frozenset(IEMOCAP_VALIDATION)
        if not chosen < frozenset(train):
            return parts
        note = "the twelve usual training dialogues validate (the choice published with COSMIC)"
    elif parts.corpus == "meld":
        chosen = frozenset(map(str, MELD_DEVELOPMENT))
        if not _is_meld_development(parts, chosen):
            note = "the official development set cannot be told from the training dialogues"
            return replace(parts, notes=(*parts.notes, note))
        note = (
            "the official development set, which the file merged into train, validates: dialogues "
            f"{MELD_DEVELOPMENT[0]} to {MELD_DEVELOPMENT[-1]}, verified by their label counts"
        )
    else:
        return parts
    splits = {
        "train": tuple(one for one in train if one not in chosen),
        "validation": tuple(one for one in train if one in chosen),
        "test": parts.splits["test"],
    }
    return replace(parts, splits=splits, notes=(*parts.notes, note))


def _is_meld_development(parts: Parts, chosen: frozenset[str]) -> bool:
    train, labels = parts.splits["train"], parts.fields["labels"]
    if (
        not chosen <= frozenset(train)
        or len(train) - len(chosen) != MELD_SIZES.conversations["train"]
    ):
        return False
    counts = Counter(value for one in chosen for value in as_text(labels.get(one)))
    usual = dict(zip(map(str, range(len(MELD))), MELD_SIZES.counts["emotion"][1], strict=True))
    return counts == Counter(usual)
