"""What MIntRec and MIntRec2.0 share: TSV tables, one a split, and pickles of frames by key."""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sslcl.data.corpus import SPLITS
from sslcl.data.reading.path_contents import PathContents
from sslcl.data.reading.texts import read_text
from sslcl.errors import InputError

WIDTHS = {768: "audio", 256: "video"}
"""Width of a frame to modality: wav2vec 2.0 or WavLM, and regions of the speaker's face or body."""
_SPLITS = {"train": "train", "dev": "validation", "valid": "validation", "test": "test"}
_NAME = re.compile("|".join(_SPLITS))

Row = dict[str, str]


def tables(contents: PathContents, header: Sequence[str]) -> tuple[Path, ...]:
    """The ``.tsv`` files whose first line is ``header``."""
    return tuple(file for file in contents.of(".tsv") if _header(file) == list(header))


def frames(contents: PathContents, key: re.Pattern[str]) -> dict[Path, Mapping[str, Any]]:
    """The pickles that are dicts with keys such as those of the table."""
    return {
        file: content
        for file, content in contents.pickles.items()
        if isinstance(content, dict)
        and content
        and all(isinstance(k, str) and key.fullmatch(k) for k in content)
    }


def read_splits(files: Sequence[Path], header: Sequence[str]) -> dict[str, list[Row]]:
    """The rows of each split, which the name of its file tells: the content does not.

    Raises:
        InputError: when there is not one file for each of the three splits, or a row is damaged.
    """
    named: dict[str, Path] = {}
    for file in files:
        match = _NAME.search(file.stem.lower())
        if match is None:
            raise InputError(f"{file}: expected 'train', 'dev' or 'test' in the name")
        split = _SPLITS[match[0]]
        if split in named:
            raise InputError(f"{file} and {named[split]} are both the {split} split")
        named[split] = file
    for split in SPLITS:
        if split not in named:
            raise InputError(f"{files[0].parent}: there is no TSV file of the {split} split")
    return {split: _rows(named[split], header) for split in SPLITS}


def _header(file: Path) -> list[str]:
    # As bytes: what follows the header may be damaged, which is for the reader to tell.
    with file.open("rb") as lines:
        first = lines.readline(1000).decode("utf-8", errors="replace")
    return first.rstrip("\r\n").split("\t")


def _rows(file: Path, header: Sequence[str]) -> list[Row]:
    try:
        text = io.StringIO(read_text(file), newline="")
        # Not strict: texts hold stray quotation marks, and the publisher reads them so.
        lines = list(csv.reader(text, delimiter="\t"))[1:]
    except csv.Error as error:
        raise InputError(f"{file} is not a complete TSV file: {error}") from None
    if not lines:
        raise InputError(f"{file} has no rows, expected utterances")
    for number, cells in enumerate(lines, start=2):
        if len(cells) != len(header):
            raise InputError(
                f"{file}, line {number}: has {len(cells)} columns, expected {len(header)}"
            )
    return [dict(zip(header, cells, strict=True)) for cells in lines]


def pooled(
    pickles: Mapping[Path, Mapping[str, Any]], keys: Sequence[str]
) -> tuple[dict[str, NDArray[np.float32]], list[str]]:
    """Mean over the frames for each key, by modality, and what is worth knowing.

    Raises:
        InputError: when a width is of no modality, two files are of one, a key is missing, or
            frames are not finite numbers of one width.
    """
    homes: dict[str, Path] = {}
    features: dict[str, NDArray[np.float32]] = {}
    notes = []
    for file, content in pickles.items():
        modality = _modality(file, content)
        if modality in homes:
            raise InputError(f"{file} and {homes[modality]} both hold {modality} features")
        homes[modality] = file
        width = next(width for width, name in WIDTHS.items() if name == modality)
        rows = [_mean(file, content, key, width) for key in keys]
        features[modality] = np.stack(rows)
        empty = sum(not row.any() for row in rows)
        if empty:
            notes.append(f"{empty} utterances have no frames of {modality}: zero vectors")
    return {name: features[name] for name in sorted(features)}, notes


def _modality(file: Path, content: Mapping[str, Any]) -> str:
    for key in content:
        array = _array(file, content, key)
        if len(array):
            if array.shape[1] not in WIDTHS:
                known = ", ".join(f"{width} ({name})" for width, name in WIDTHS.items())
                raise InputError(f"{file}: frames have width {array.shape[1]}, expected {known}")
            return WIDTHS[array.shape[1]]
    raise InputError(f"{file}: no utterance has a frame")


def _mean(file: Path, content: Mapping[str, Any], key: str, width: int) -> NDArray[np.float32]:
    if key not in content:
        raise InputError(f"{file}: there are no frames for '{key}', which the table names")
    array = _array(file, content, key)
    if not len(array):
        return np.zeros(width, dtype=np.float32)
    if array.shape[1] != width:
        raise InputError(f"{file}: frames of '{key}' have width {array.shape[1]}, expected {width}")
    if not np.isfinite(array).all():
        raise InputError(f"{file}: frames of '{key}' are not finite, expected numbers")
    return np.asarray(array.mean(axis=0, dtype=np.float64), dtype=np.float32)


def _array(file: Path, content: Mapping[str, Any], key: str) -> NDArray[Any]:
    """All frames of an utterance, ``(frames, width)``; the publisher stacks them in two ways."""
    try:
        array = np.asarray(content[key])
    except ValueError:
        raise InputError(f"{file}: frames of '{key}' are of unequal width") from None
    if array.size == 0:
        return np.zeros((0, 0))
    if array.ndim == 3 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 2 or array.dtype.kind not in "fiu":
        raise InputError(
            f"{file}: frames of '{key}' are {array.dtype} of shape {array.shape}, expected numbers "
            "of shape (frames, width)"
        )
    return array
