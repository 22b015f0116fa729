"""What is in a corpus, and what a person should look at before training from it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sslcl.data.corpus import SPLITS, Corpus, dataset_of
from sslcl.data.inspection.duplicates import LONG, Overlap, overlaps, repeated_texts
from sslcl.data.inspection.speakers import named_speakers
from sslcl.data.loading.checks import check_dataset
from sslcl.errors import InputError

_SHOWN = 3
_ORDER = SPLITS.index
_FEW = 10
"""Training utterances below which a class is hardly learnt."""


@dataclass(frozen=True)
class FeatureRows:
    """Utterances and columns whose features of one modality say nothing.

    Args:
        width: of the modality.
        zero: rows of zeros.
        constant: rows of one value, other than zero.
        columns: those with one value in all rows.
    """

    width: int
    zero: int
    constant: int
    columns: int = 0


@dataclass(frozen=True)
class Inspection:
    """The figures of a corpus that can be trained from.

    Args:
        corpus: what was looked at.
        lengths: utterances of each conversation, by split.
        speakers: different speakers of each conversation, by split.
        missing: column to the number of utterances without a value.
        features: by modality.
        overlapping: pairs of conversations with much the same content.
        repeated: long utterances in several splits.
        warnings: one line each.
    """

    corpus: Corpus
    lengths: Mapping[str, NDArray[np.int64]]
    speakers: Mapping[str, NDArray[np.int64]]
    missing: Mapping[str, int]
    features: Mapping[str, FeatureRows]
    overlapping: tuple[Overlap, ...]
    repeated: tuple[tuple[str, tuple[str, ...]], ...]
    warnings: tuple[str, ...] = ()

    def imbalance(self, task: str) -> float:
        """Utterances of the largest class over those of the smallest in training."""
        counts = self.corpus.counts(task)["train"]
        return max(counts) / min(counts) if min(counts) else float("inf")


def require_usable(corpus: Corpus) -> None:
    """Refuse a corpus that cannot be trained from, for any of its tasks.

    Raises:
        InputError: one line with the first reason.
    """
    for name, x in corpus.features.items():
        bad = np.flatnonzero(~np.isfinite(x).all(axis=1))
        if len(bad) and len(x) == len(corpus.table):
            first = corpus.table.iloc[int(bad[0])]
            raise InputError(
                f"dataset '{corpus.name}': features of '{name}' are not finite in {len(bad)} of "
                f"{len(x)} utterances, the first is '{first['utterance']}' of conversation "
                f"'{first['conversation']}', expected numbers"
            )
    if not corpus.features and "text" in corpus.table:
        # Whatever the encoder makes of the text will have a row for each utterance.
        rows = np.zeros((len(corpus.table), 1), np.float32)
        corpus = replace(corpus, features={"text": rows})
    for task in corpus.tasks:
        check_dataset(dataset_of(corpus, task))


def inspect(corpus: Corpus) -> Inspection:
    """Look at ``corpus``, which :func:`require_usable` accepts."""
    table = corpus.table
    groups = table.groupby(["split", "conversation"], sort=False)
    columns = dict.fromkeys([t.column for t in corpus.tasks.values()] + ["text", "start", "end"])
    inspection = Inspection(
        corpus=corpus,
        lengths=_by_split(groups.size()),
        speakers=_by_split(groups["speaker"].nunique()),
        missing={name: _missing(table[name]) for name in columns if name in table},
        features={name: _feature_rows(x) for name, x in corpus.features.items()},
        overlapping=tuple(overlaps(corpus)),
        repeated=tuple(repeated_texts(corpus)),
    )
    warnings = (
        *_class_warnings(inspection),
        *_feature_warnings(inspection),
        *_overlap_warnings(inspection),
        *_time_warnings(table),
        *_speaker_warnings(table),
    )
    return replace(inspection, warnings=warnings)


def _by_split(values: pd.Series) -> dict[str, NDArray[np.int64]]:
    there = values.index.get_level_values("split")
    return {name: values[there == name].to_numpy(np.int64) for name in SPLITS}


def _missing(column: pd.Series) -> int:
    return int((column.isna() | (column.astype(str).str.strip() == "")).sum())


def _feature_rows(x: NDArray[np.float32]) -> FeatureRows:
    zero = ~x.any(axis=1)
    constant = (x == x[:, :1]).all(axis=1) & ~zero & (x.shape[1] > 1)
    columns = int((x == x[:1]).all(axis=0).sum())
    return FeatureRows(int(x.shape[1]), int(zero.sum()), int(constant.sum()), columns)


def _class_warnings(inspection: Inspection) -> list[str]:
    told = []
    for name, task in inspection.corpus.tasks.items():
        counts = inspection.corpus.counts(name)
        for number, label in enumerate(task.classes):
            if counts["train"][number] < _FEW:
                some = counts["train"][number] or "no"
                told.append(f"{name}: class '{label}' has {some} training utterances")
            absent = [s for s in SPLITS[1:] if not counts[s][number]]
            if absent:
                told.append(f"{name}: class '{label}' is not in {' and '.join(absent)}")
    return told


def _feature_warnings(inspection: Inspection) -> list[str]:
    told = []
    rows = len(inspection.corpus.table)
    for name, faults in inspection.features.items():
        for what, count in (("zeros", faults.zero), ("one value throughout", faults.constant)):
            if count:
                told.append(f"{name}: {count} of {rows} utterances ({count / rows:.1%}) are {what}")
        if faults.columns:
            told.append(
                f"{name}: {faults.columns} of {faults.width} columns have one value in all "
                "utterances, and say nothing"
            )
    return told


def _speaker_warnings(table: pd.DataFrame) -> list[str]:
    """Speakers with a name of their own, not a letter or number, in more than one split."""
    homes = (
        named_speakers(table)
        .groupby("speaker")["split"]
        .agg(lambda splits: sorted({*splits}, key=_ORDER))
    )
    shared = homes[homes.map(len) > 1]
    if shared.empty:
        return []
    return [
        f"{len(shared)} of {len(homes)} speakers are in several splits, such as "
        f"'{shared.index[0]}' in {' and '.join(shared.iloc[0])}: scores do not tell of new speakers"
    ]


def _overlap_warnings(inspection: Inspection) -> list[str]:
    told = []
    for leaks in (True, False):
        pairs = [one for one in inspection.overlapping if one.leaks is leaks]
        if pairs:
            where = "across splits" if leaks else "within a split"
            shown = ", ".join(_pair(one) for one in pairs[:_SHOWN])
            more = f" and {len(pairs) - _SHOWN} more" if len(pairs) > _SHOWN else ""
            told.append(f"conversations that overlap {where}: {shown}{more}")
    if inspection.repeated:
        text, splits = inspection.repeated[0]
        told.append(
            f"{len(inspection.repeated)} utterances of {LONG} or more words are in several "
            f"splits, such as '{text[:60]}' in {' and '.join(splits)}"
        )
    return told


def _pair(one: Overlap) -> str:
    (a, b), (here, there) = one.conversations, one.splits
    how = "the same" if one.same else f"{one.share:.0%}"
    return f"'{a}' ({here}) and '{b}' ({there}): {how}"


def _time_warnings(table: pd.DataFrame) -> list[str]:
    if not {"start", "end"} <= set(table.columns):
        return []
    count = int((table["end"] < table["start"]).sum())
    return [f"{count} utterances end before they start"] if count else []
