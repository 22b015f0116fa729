"""What is odd in a publisher's rows of utterances, counted for a corpus's notes."""

from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from sslcl.data.corpus import Task


def row_notes(
    table: pd.DataFrame, numbers: pd.Series, first: int, tasks: Sequence[str]
) -> Iterator[str]:
    """A line for each of: numbers missing within conversations, no words, no label.

    Args:
        table: a corpus's table.
        numbers: of the utterances within their conversations.
        first: the number that a conversation begins with.
        tasks: the columns of labels.
    """
    grouped = numbers.groupby(table["conversation"])
    missing = grouped.max() - first + 1 - grouped.size()
    gaps = missing[missing > 0]
    if len(gaps):
        yield (f"{gaps.sum()} utterance numbers are missing in {len(gaps)} dialogues; kept as gaps")
    if blank := int((table["text"] == "").sum()):
        yield f"{blank} utterances have no words; kept"
    for task in tasks:
        if unlabelled := int(table[task].isna().sum()):
            yield f"{unlabelled} utterances have no {task}; context only"


def repeated_notes(table: pd.DataFrame, episode: pd.Series) -> Iterator[str]:
    """A line when two dialogues of a split hold the same words at the same time of an episode.

    Args:
        table: a corpus's table.
        episode: which episode each utterance is from.
    """
    key = table[["split", "text", "start", "end"]].assign(episode=episode)
    rows = table[key.duplicated(keep=False) & table["start"].notna()]
    names = rows.groupby([key.loc[rows.index, name] for name in key.columns])["conversation"]
    shared = [sorted(set(found)) for _, found in names if found.nunique() > 1]
    pairs = sorted({" and ".join(found) for found in shared})
    if pairs:
        more = ", and more" if len(pairs) > 4 else ""
        yield (
            f"{len(shared)} utterances are in two dialogues ({', '.join(pairs[:4])}{more}); kept, "
            "with the labels of each"
        )


def count_notes(
    table: pd.DataFrame, task: Task, published: Mapping[str, Sequence[int]]
) -> Iterator[str]:
    """A line for each split that has its published size but other class counts.

    Args:
        table: a corpus's table.
        task: whose classes are counted.
        published: counts in the order of the classes, by split.
    """
    for split, expected in published.items():
        labels = table.loc[table["split"] == split, task.column]
        found = [int((labels == name).sum()) for name in task.classes]
        if len(labels) == sum(expected) and found != list(expected):
            yield f"{split}: {task.column} counts are {found}, as published {list(expected)}"
