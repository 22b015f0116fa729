"""What the usual files of the published corpora hold, to tell one build of them from another."""

from collections.abc import Mapping

from sslcl.data.corpus import SPLITS, Corpus
from sslcl.data.published.corpora import RECORDS
from sslcl.data.published.record import Counts, Sizes


def known_notes(corpus: Corpus) -> tuple[str, ...]:
    """Whether a published corpus has its usual sizes and label counts, and if not, likely why.

    Empty for a corpus whose usual sizes are not on record.
    """
    record = RECORDS.get(corpus.name)
    if record is None or record.sizes is None:
        return ()
    known = record.sizes
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


def _differ(what: str, usual: Mapping[str, int], here: Mapping[str, int]) -> list[str]:
    if dict(usual) == dict(here):
        return []
    return [
        f"{what} {'/'.join(str(here[s]) for s in SPLITS)} in train/validation/test, "
        f"usually {'/'.join(str(usual[s]) for s in SPLITS)}"
    ]


def _vectors(known: Sizes, task: str) -> dict[str, Counts]:
    """By class, its utterances in train, validation and test, as usual."""
    columns = zip(*known.counts[task], strict=True)
    return dict(zip(known.classes[task], columns, strict=True))


def _counts_here(corpus: Corpus, task: str) -> dict[str, Counts]:
    counts = corpus.counts(task)
    classes = corpus.task(task).classes
    empty = [0] * len(classes)
    columns = zip(*(counts.get(split, empty) for split in SPLITS), strict=True)
    return dict(zip(classes, columns, strict=True))


def _class_differences(known: Sizes, corpus: Corpus, task: str) -> list[str]:
    usual, here = _vectors(known, task), _counts_here(corpus, task)
    wrong = [name for name in usual if here.get(name) != usual[name]]
    if not wrong:
        return []
    shown = ", ".join(
        f"{name} {'/'.join(map(str, here.get(name, ())))} usually {'/'.join(map(str, usual[name]))}"
        for name in wrong[:2]
    )
    return [f"{task}: {shown}{' and more' if len(wrong) > 2 else ''}"]


def _causes(known: Sizes, corpus: Corpus, task: str) -> list[str]:
    usual, here = _vectors(known, task), _counts_here(corpus, task)
    causes = []
    missing = int(corpus.table[corpus.task(task).column].isna().sum())
    if missing:
        causes.append(f"{missing} utterances without a label: the build that keeps them as context")
    if here != usual and sorted(here.values()) == sorted(usual.values()):
        owner = {counts: name for name, counts in usual.items()}
        swapped = [f"{n} has the counts of {owner[c]}" for n, c in here.items() if owner[c] != n]
        causes.append(f"another order of the classes: {', '.join(swapped)}")
    if all(here.get(n) == (c[0] + c[1], 0, c[2]) for n, c in usual.items()):
        causes.append("the validation split is merged into the training split")
    if corpus.name == "iemocap" and here.get("happy", (0, 0, 0))[2] == usual["happy"][2] - 1:
        causes.append("the build with one happy utterance fewer in test: scores do not compare")
    return causes
