"""Feature files of the open format: ``.npy``, ``.npz`` and ``.safetensors``."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from safetensors.torch import load_file

from sslcl.errors import InputError

Floats = NDArray[np.float32]


def read_features(
    path: Path, modality: str, table: pd.DataFrame, file_rows: NDArray[np.int64]
) -> Floats:
    """Features of one modality, ``(N, width)``, rows as in ``table``.

    An array for all utterances has its rows in the order of the table's file; arrays by
    conversation have theirs in the order of the conversation.

    Args:
        path: of the file.
        modality: its name; a single array of this name holds all utterances.
        table: with the columns ``conversation`` and ``utterance``, in the corpus's order.
        file_rows: row of each utterance in the table's file, from 0.

    Raises:
        InputError: naming file and row or array of the first fault.
    """
    if not path.is_file():
        raise InputError(f"{path} is missing: expected the features of '{modality}'")
    if path.suffix == ".npy":
        return _all_rows(_load_npy(path), str(path), len(table))[file_rows]
    arrays = _load_npz(path) if path.suffix == ".npz" else _load_safetensors(path)
    if tuple(arrays) == (modality,):
        where = f"{path}, array '{modality}'"
        return _all_rows(arrays[modality], where, len(table))[file_rows]
    return _by_id(arrays, path, table)


def _load_npy(path: Path) -> NDArray[Any]:
    try:
        return np.asarray(np.load(path, allow_pickle=False))
    except Exception as error:  # Damaged bytes raise anything in the libraries.
        raise _damaged(path, error) from None


def _load_npz(path: Path) -> dict[str, NDArray[Any]]:
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except Exception as error:  # Damaged bytes raise anything in the libraries.
        raise _damaged(path, error) from None


def _load_safetensors(path: Path) -> dict[str, NDArray[Any]]:
    try:
        tensors = load_file(path)
    except Exception as error:  # Damaged bytes raise anything in the libraries.
        raise _damaged(path, error) from None
    # NumPy has no bfloat16.
    return {name: x.float().numpy() for name, x in tensors.items()}


def _damaged(path: Path, error: Exception) -> InputError:
    problem = " ".join(str(error).split())[:120]
    return InputError(f"{path} is not a complete {path.suffix} file of numbers: {problem}")


def _all_rows(array: NDArray[Any], where: str, rows: int) -> Floats:
    if array.ndim != 2 or len(array) != rows or not array.shape[1]:
        raise InputError(
            f"{where} has shape {array.shape}, expected ({rows}, width): a row for each row of "
            "the table"
        )
    return _finite(array, where)


def _finite(array: NDArray[Any], where: str) -> Floats:
    if array.dtype.kind not in "fiu":
        raise InputError(f"{where} is of type {array.dtype}, expected numbers")
    with np.errstate(over="ignore"):
        x = array.astype(np.float32)
    bad = ~np.isfinite(x)
    if bad.any():
        row, column = np.argwhere(np.atleast_2d(bad))[0].tolist()
        raise InputError(
            f"{where}, row {row + 1}, column {column + 1}: is {np.atleast_2d(array)[row, column]}, "
            "expected a finite number of 32 bits"
        )
    return x


def _by_id(arrays: Mapping[str, NDArray[Any]], path: Path, table: pd.DataFrame) -> Floats:
    utterances = table["utterance"]
    conversations = table.groupby("conversation", sort=False).size()
    hits = sum(name in arrays for name in conversations.index) / len(conversations)
    expected: dict[str, tuple[int, ...]]
    if hits >= utterances.isin(arrays.keys()).mean() and hits > 0:
        expected = {str(name): (int(size),) for name, size in conversations.items()}
        kind = "conversation"
    else:
        if utterances.duplicated().any():
            again = utterances[utterances.duplicated()].iloc[0]
            raise InputError(
                f"{path}: utterance id '{again}' is in two conversations, expected arrays by "
                "conversation, or ids that are unique"
            )
        expected = dict.fromkeys(utterances, ())
        kind = "utterance"
    parts: list[Floats] = []
    for name, rows in expected.items():
        if name not in arrays:
            raise InputError(f"{path} has no array for {kind} '{name}', expected one for each")
        width = parts[0].shape[1] if parts else arrays[name].shape[-1] if arrays[name].ndim else 1
        if arrays[name].shape != (*rows, width) or not width:
            raise InputError(
                f"{path}, array '{name}' has shape {arrays[name].shape}, expected "
                f"{(*rows, width)}: {kind} '{name}'"
            )
        parts.append(np.atleast_2d(_finite(arrays[name], f"{path}, array '{name}'")))
    return np.concatenate(parts)
