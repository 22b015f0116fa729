"""What conversations can be grouped by: sessions, speakers, columns of the corpus's table."""

from collections.abc import Collection

import numpy as np
import pandas as pd
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

_IEMOCAP = r"(Ses[0-9]{2})[FM]_.*"
"""Ids of IEMOCAP's dialogues begin with their session, in which two actors meet."""
_SHOWN = 3


def groups_of(table: pd.DataFrame, further: Collection[str]) -> dict[str, dict[str, str]]:
    """What conversations can be grouped by, to the group of each conversation.

    ``speaker``: conversations that share a speaker are of one group, directly or through others,
    so that no speaker is in two groups; a group is called by its speakers. ``session``: of IEMOCAP,
    from the ids of its dialogues. Further columns as they stand; empty where a conversation has
    nothing in them.

    Args:
        table: of a corpus.
        further: columns with one value, or nothing, in each conversation.
    """
    ids = table["conversation"]
    grouped: dict[str, dict[str, str]] = {"speaker": _by_speaker(table)}
    names = pd.Series(ids.unique(), dtype=str)
    sessions = names.str.extract(_IEMOCAP, expand=False)
    if sessions.notna().all():
        grouped["session"] = dict(zip(names, sessions, strict=True))
    for column in further:
        first = table[column].astype(str).str.strip().groupby(ids, sort=False).max()
        grouped[column] = {str(one): str(group) for one, group in first.items()}
    return grouped


def grouping_columns(table: pd.DataFrame, further: Collection[str]) -> list[str]:
    """Those of ``further`` that have one value at most, besides nothing, in each conversation."""
    kept = []
    for column in further:
        cells = table[column].astype(str).str.strip()
        there = cells[cells != ""]
        values = there.groupby(table["conversation"], sort=False).nunique()
        if len(there) and (values <= 1).all():
            kept.append(column)
    return kept


def _by_speaker(table: pd.DataFrame) -> dict[str, str]:
    rows, conversations = pd.factorize(table["conversation"].astype(str))
    columns, speakers = pd.factorize(table["speaker"].astype(str))
    size = len(conversations) + len(speakers)
    links = coo_matrix(
        (np.ones(len(rows)), (rows, columns + len(conversations))), shape=(size, size)
    )
    _, component = connected_components(links, directed=False)
    names: dict[int, list[str]] = {}
    for speaker, number in zip(speakers, component[len(conversations) :].tolist(), strict=True):
        names.setdefault(number, []).append(str(speaker))
    return {
        str(one): _joined(sorted(names[number]))
        for one, number in zip(conversations, component[: len(conversations)].tolist(), strict=True)
    }


def _joined(speakers: list[str]) -> str:
    more = len(speakers) - _SHOWN
    return "+".join(speakers[:_SHOWN]) + (f"+{more} more" if more > 0 else "")
