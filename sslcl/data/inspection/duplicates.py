"""Conversations and utterances that a corpus holds more than once."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, triu

from sslcl.data.corpus import Corpus

WORDS = 4
"""Length of the runs of words by which conversations are compared."""
LEAST_RUNS = 5
"""Conversations with fewer different runs of words, such as "Hey. - Hey!", are not compared."""
SHARE = 0.5
"""Two conversations overlap when they share this much of the shorter one."""
COMMON = 50
"""What more conversations than this have in common tells nothing about any two of them."""
LONG = 8
"""Words from which on an utterance that occurs twice is no coincidence."""
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Overlap:
    """Two conversations with much the same content.

    Args:
        conversations: their ids, in the order of the corpus.
        splits: where they are.
        share: of the shorter one's content that the other has too; 1 for all of it.
        same: whether both have the same content exactly.
    """

    conversations: tuple[str, str]
    splits: tuple[str, str]
    share: float
    same: bool

    @property
    def leaks(self) -> bool:
        """Whether one is trained from or chosen on, and the other is in another split."""
        return self.splits[0] != self.splits[1]


def overlaps(corpus: Corpus) -> list[Overlap]:
    """Pairs of conversations ``A``, ``B`` with ``|A & B| / min(|A|, |B|) >= SHARE``.

    A conversation is the set of its runs of :data:`WORDS` words or, where the corpus has no text,
    of its utterances' features in half precision. Of the same content more than twice, each copy
    is paired with the first one. Pairs in different splits come first, then by share.
    """
    ids = corpus.table["conversation"]
    homes = corpus.table.groupby("conversation", sort=False)["split"].first()
    least = LEAST_RUNS if _has_text(corpus) else 1
    units = _runs_of_words(corpus) if _has_text(corpus) else _feature_rows(corpus, ids)
    content = {name: found for name, found in units.items() if len(found) >= least}
    first: dict[frozenset[object], str] = {}
    pairs = []
    for name, found in content.items():
        if found in first:
            pairs.append((first[found], name, 1.0, True))
        first.setdefault(found, name)
    pairs += _sharing(first)
    made = [
        Overlap((a, b), (str(homes[a]), str(homes[b])), share, same) for a, b, share, same in pairs
    ]
    return sorted(made, key=lambda one: (not one.leaks, -one.share))


def repeated_texts(corpus: Corpus) -> list[tuple[str, tuple[str, ...]]]:
    """Utterances of :data:`LONG` words or more that are in several splits, and in which."""
    if not _has_text(corpus):
        return []
    words = corpus.table["text"].fillna("").map(_words)
    chosen = corpus.table.assign(key=words.map(" ".join))[words.map(len) >= LONG]
    splits = chosen.groupby("key", sort=False)["split"].unique()
    texts = chosen.groupby("key", sort=False)["text"].first()
    return [
        (str(text), tuple(found))
        for text, found in zip(texts, splits, strict=True)
        if len(found) > 1
    ]


def _has_text(corpus: Corpus) -> bool:
    return "text" in corpus.table and bool(corpus.table["text"].fillna("").str.strip().any())


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def _runs_of_words(corpus: Corpus) -> dict[str, frozenset[object]]:
    texts = corpus.table["text"].fillna("").groupby(corpus.table["conversation"], sort=False)
    return {str(name): frozenset(_runs(_words(" ".join(rows)))) for name, rows in texts}


def _runs(words: list[str]) -> Iterable[tuple[str, ...]]:
    return zip(*(words[start:] for start in range(WORDS)), strict=False)


def _feature_rows(corpus: Corpus, ids: pd.Series) -> dict[str, frozenset[object]]:
    if not corpus.features:
        return {}
    x = np.concatenate(list(corpus.features.values()), axis=1)
    # Exact values: a coarser precision would make small features all the same. The sum turns -0
    # into 0.
    rows = [row.tobytes() for row in x + np.float32(0)]
    # Rows of zeros stand for features that are missing.
    there = pd.Series(x.any(axis=1), index=ids.index)
    kept = pd.Series(rows, index=ids.index)[there]
    return {str(name): frozenset(found) for name, found in kept.groupby(ids, sort=False)}


def _sharing(first: dict[frozenset[object], str]) -> list[tuple[str, str, float, bool]]:
    """Pairs of different content that share enough, by one sparse product."""
    if not first:
        return []
    names, sizes = list(first.values()), np.array([len(found) for found in first])
    numbers: dict[object, int] = {}
    columns = [numbers.setdefault(unit, len(numbers)) for found in first for unit in found]
    x = csr_matrix(
        (np.ones(len(columns), np.int32), columns, np.append(0, sizes.cumsum())),
        shape=(len(names), len(numbers)),
    )
    held_by: NDArray[np.int64] = np.asarray(x.sum(axis=0)).ravel()
    x = x[:, (held_by > 1) & (held_by <= COMMON)]
    both = triu(x @ x.T, k=1).tocoo()
    shares = both.data / np.minimum(sizes[both.row], sizes[both.col])
    return [
        (names[both.row[at]], names[both.col[at]], float(shares[at]), False)
        for at in np.flatnonzero(shares >= SHARE)
    ]
