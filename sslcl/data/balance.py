"""Balanced classes on any dataset: which utterances carry loss and score."""

import hashlib
import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from sslcl.data.loading.flat import FlatSplit
from sslcl.data.types import PAD_LABEL, Split
from sslcl.errors import InputError, did_you_mean

NATURAL, BALANCED = "natural", "balanced"


def balance_name(value: object) -> str:
    """A balance as it is stored: ``natural``, ``balanced`` or the ratio as text.

    Args:
        value: ``natural``, ``balanced``, or the largest ratio of a class to the smallest, as a
            number or as text; 1 is ``balanced``.

    Raises:
        InputError: for another word, or a ratio below 1.
    """
    if value in (NATURAL, BALANCED):
        return str(value)
    try:
        ratio = float(str(value))
    except ValueError:
        ratio = math.nan
    if not (math.isfinite(ratio) and ratio >= 1):
        near = did_you_mean(str(value), (NATURAL, BALANCED))
        raise InputError(f"balance is {value!r}: {near}; a ratio of at least 1 is fine too")
    return BALANCED if ratio == 1 else f"{ratio:g}"


def select(split: Split, balance: str) -> Split:
    """The split in which no class has more than ratio times the utterances of the smallest.

    Every utterance stays, as context; those left out lose their label, and with it their part in
    loss and score. Of a class with too many, those are kept whose ids have the smallest SHA-256
    hashes: the choice depends on nothing but the ids, so it is the same for every trial.

    Args:
        split: whose labelled utterances are counted.
        balance: as in :class:`~sslcl.config.TrialConfig`.
    """
    if balance == NATURAL:
        return split
    ratio = 1.0 if balance == BALANCED else float(balance)
    flat = FlatSplit.of(split, tuple(split[0].features))
    labels = flat.labels
    counts = np.bincount(labels[labels != PAD_LABEL])
    most = math.floor(ratio * counts[counts > 0].min())
    kept = np.full_like(labels, PAD_LABEL)
    for label in np.flatnonzero(counts):
        members = np.flatnonzero(labels == label)
        chosen = members if len(members) <= most else _smallest_hashes(flat, members, most)
        kept[chosen] = label
    return replace(flat, labels=kept)


def _smallest_hashes(split: FlatSplit, members: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    homes = np.searchsorted(split.offsets, members, side="right") - 1
    names = zip(split.ids[homes].tolist(), split.utterance_ids[members].tolist(), strict=True)
    hashes = [hashlib.sha256(f"{home}\0{name}".encode()).digest() for home, name in names]
    order = sorted(range(len(members)), key=hashes.__getitem__)
    return members[order[:count]]
