"""What the usual files of the published corpora hold, to tell one build of them from another."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from sslcl.data.corpus import SPLITS, Corpus

Counts = tuple[int, ...]

IEMOCAP = ("happy", "sad", "neutral", "angry", "excited", "frustrated")
IEMOCAP_FOUR = IEMOCAP[:4]
MELD = ("neutral", "surprise", "fear", "sadness", "joy", "disgust", "anger")
MELD_SENTIMENT = ("neutral", "positive", "negative")
EMORYNLP = ("Joyful", "Mad", "Peaceful", "Neutral", "Sad", "Powerful", "Scared")
EMORYNLP_SENTIMENT = ("negative", "neutral", "positive")
DAILYDIALOG = ("happiness", "neutral", "anger", "sadness", "fear", "surprise", "disgust")

IEMOCAP_VALIDATION = (
    "Ses01M_impro01",
    "Ses01M_script03_1",
    "Ses02F_impro02",
    "Ses02F_impro07",
    "Ses02M_script01_2",
    "Ses03F_impro01",
    "Ses03M_impro02",
    "Ses03M_impro08a",
    "Ses03M_script02_2",
    "Ses03M_script03_2",
    "Ses04F_impro07",
    "Ses04F_script02_1",
)
"""The twelve training dialogues that validate in the files published with COSMIC."""
MELD_DEVELOPMENT = range(1039, 1153)
"""The official development set, where dialogues are numbered through train, dev and test."""


@dataclass(frozen=True)
class Known:
    """The usual sizes of a corpus.

    Args:
        description: one sentence.
        licence: as the publisher states it.
        conversations: by split.
        utterances: by split.
        classes: by task, in the order of ``counts``.
        counts: by task, utterances of each class in train, validation and test.
    """

    description: str
    licence: str
    conversations: Mapping[str, int]
    utterances: Mapping[str, int]
    classes: Mapping[str, tuple[str, ...]]
    counts: Mapping[str, tuple[Counts, Counts, Counts]]


def _by_split(train: int, validation: int, test: int) -> Mapping[str, int]:
    return MappingProxyType(dict(zip(SPLITS, (train, validation, test), strict=True)))


KNOWN: Mapping[str, Known] = {
    "iemocap": Known(
        "IEMOCAP, 151 dialogues between two actors (Busso et al. 2008)",
        "on request from its authors (research agreement); published features state none",
        _by_split(108, 12, 31),
        _by_split(5163, 647, 1623),
        {"emotion": IEMOCAP},
        {
            "emotion": (
                (451, 771, 1221, 831, 593, 1296),
                (53, 68, 103, 102, 149, 172),
                (144, 245, 384, 170, 299, 381),
            )
        },
    ),
    "meld": Known(
        "MELD, 1,432 dialogues from a television series (Poria et al. 2019)",
        "GPL-3.0",
        _by_split(1038, 114, 280),
        _by_split(9989, 1109, 2610),
        {"emotion": MELD, "sentiment": MELD_SENTIMENT},
        {
            "emotion": (
                (4710, 1205, 268, 683, 1743, 271, 1109),
                (470, 150, 40, 111, 163, 22, 153),
                (1256, 281, 50, 208, 402, 68, 345),
            ),
            "sentiment": ((4710, 2334, 2945), (470, 233, 406), (1256, 521, 833)),
        },
    ),
    "emorynlp": Known(
        "EmoryNLP, 827 scenes from a television series (Zahiri and Choi 2018)",
        "Apache-2.0",
        _by_split(659, 89, 79),
        _by_split(7551, 954, 984),
        {"emotion": EMORYNLP},
        {
            "emotion": (
                (1677, 785, 638, 2485, 474, 551, 941),
                (205, 97, 82, 322, 51, 70, 127),
                (217, 86, 111, 288, 70, 96, 116),
            )
        },
    ),
    "dailydialog": Known(
        "DailyDialog, 13,118 written dialogues of daily life (Li et al. 2017)",
        "CC BY-NC-SA 4.0",
        _by_split(11118, 1000, 1000),
        _by_split(87170, 8069, 7740),
        {},
        {},
    ),
}


def known_notes(corpus: Corpus) -> tuple[str, ...]:
    """Whether a published corpus has its usual sizes and label counts, and if not, likely why.

    Empty for a corpus that is not in :data:`KNOWN`.
    """
    if corpus.name not in KNOWN:
        return ()
    known = KNOWN[corpus.name]
    differences = [
        *_differ("conversations", known.conversations, _conversations(corpus)),
        *_differ("utterances", known.utterances, _utterances(corpus)),
    ]
    tasks = [task for task in known.classes if task in corpus.tasks]
    for task in tasks:
        differences += _class_differences(known, corpus, task)
    if not differences:
        return (f"sizes and label counts match the usual files of {corpus.name}",)
    causes = [cause for task in tasks[:1] for cause in _causes(known, corpus, task)]
    why = "; ".join(causes) or "another build of the corpus, or a part of it"
    return (f"differs from the usual files of {corpus.name}: {'; '.join(differences)} ({why})",)


def _conversations(corpus: Corpus) -> dict[str, int]:
    sizes = corpus.table.groupby("split")["conversation"].nunique()
    return {split: int(sizes.get(split, 0)) for split in SPLITS}


def _utterances(corpus: Corpus) -> dict[str, int]:
    return {split: int((corpus.table["split"] == split).sum()) for split in SPLITS}


def _differ(what: str, usual: Mapping[str, int], found: Mapping[str, int]) -> list[str]:
    if dict(usual) == dict(found):
        return []
    return [
        f"{what} {'/'.join(str(found[s]) for s in SPLITS)} in train/validation/test, "
        f"usually {'/'.join(str(usual[s]) for s in SPLITS)}"
    ]


def _vectors(known: Known, task: str) -> dict[str, Counts]:
    """By class, its utterances in train, validation and test, as usual."""
    columns = zip(*known.counts[task], strict=True)
    return dict(zip(known.classes[task], columns, strict=True))


def _found(corpus: Corpus, task: str) -> dict[str, Counts]:
    counts = corpus.counts(task)
    classes = corpus.task(task).classes
    empty = [0] * len(classes)
    columns = zip(*(counts.get(split, empty) for split in SPLITS), strict=True)
    return dict(zip(classes, columns, strict=True))


def _class_differences(known: Known, corpus: Corpus, task: str) -> list[str]:
    usual, found = _vectors(known, task), _found(corpus, task)
    wrong = [name for name in usual if found.get(name) != usual[name]]
    if not wrong:
        return []
    shown = ", ".join(
        f"{name} {'/'.join(map(str, found.get(name, ())))} usually "
        f"{'/'.join(map(str, usual[name]))}"
        for name in wrong[:2]
    )
    return [f"{task}: {shown}{' and more' if len(wrong) > 2 else ''}"]


def _causes(known: Known, corpus: Corpus, task: str) -> list[str]:
    usual, found = _vectors(known, task), _found(corpus, task)
    causes = []
    missing = int(corpus.table[corpus.task(task).column].isna().sum())
    if missing:
        causes.append(f"{missing} utterances without a label: the build that keeps them as context")
    if found != usual and sorted(found.values()) == sorted(usual.values()):
        owner = {counts: name for name, counts in usual.items()}
        swapped = [f"{n} has the counts of {owner[c]}" for n, c in found.items() if owner[c] != n]
        causes.append(f"another order of the classes: {', '.join(swapped)}")
    if all(found.get(n) == (c[0] + c[1], 0, c[2]) for n, c in usual.items()):
        causes.append("the validation split is merged into the training split")
    if corpus.name == "iemocap" and found.get("happy", (0, 0, 0))[2] == usual["happy"][2] - 1:
        causes.append("the build with one happy utterance fewer in test: scores do not compare")
    return causes
