"""What a table of one's own seems to hold: a card for a person to correct."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from sslcl.data.formats import TABLE_FILES
from sslcl.data.formats.own._card import CARD, read_card
from sslcl.data.formats.own._names import LABELS, SYNONYMS, meanings, plain
from sslcl.data.formats.own._split_names import split_of_name
from sslcl.data.formats.own._table import read_table
from sslcl.data.formats.own._tables import read_tables, sibling_tables
from sslcl.data.published.texts import folder_name
from sslcl.errors import InputError
from sslcl.plain_yaml import as_yaml

NO_LABEL = ("na", "n/a", "nan", "none", "null", "-1", "-1.0", "?")
"""Cells that usually mean no label, in lower case."""
_MOST_CLASSES = 50
_LEAST_FEATURES = 2
_SHOWN = 4
_USUAL = [plain(name) for name in LABELS]
_SEVERAL = re.compile(r"\S\s*[,;|/]\s*\S")
_NUMBERED = re.compile(r"(.*?\D)[_-]?\d+")


@dataclass(frozen=True)
class Guess:
    """A card as text, and what was guessed of each column and why.

    Args:
        card: YAML.
        reasons: one line each.
        missing: what a person must add before the card can be used.
    """

    card: str
    reasons: tuple[str, ...]
    missing: tuple[str, ...]


def guess(path: Path) -> Guess:
    """The card of the table at ``path``.

    Raises:
        InputError: when the file is no table, or cannot be read.
    """
    if path.suffix.lower() not in TABLE_FILES:
        raise InputError(f"{path}: expected a file that ends in {', '.join(TABLE_FILES)}")
    cells = pd.concat([read_table(one, {}).cells for one in sibling_tables(path)]).fillna("")
    reasons: list[str] = []
    said = meanings(cells, {})
    for meaning, name in said.items():
        example = next((str(cell) for cell in cells[name] if cell), "")
        reasons.append(f"'{name}' is the {meaning}, by its name; its first cell is {example!r:.40}")
    others = [str(name) for name in cells.columns if name not in said.values()]
    features = dict(_features(cells, others))
    owned = {name for names in features.values() for name in names}
    for modality, names in features.items():
        reasons.append(
            f"'{names[0]}' to '{names[-1]}' ({len(names)} columns of numbers) are features "
            f"of '{modality}'"
        )
    labels = label_columns(cells, [name for name in others if name not in owned])
    tasks, absent = guessed_tasks(cells, labels, reasons)
    rest = [name for name in others if name not in owned and name not in labels]
    if rest:
        reasons.append(f"not read: {', '.join(rest)}")
    one_of_several = split_of_name(path) is not None and "split" not in said
    if one_of_several:
        reasons.append(f"{path.name} is called as a split: it is read with its siblings")
    card: dict[str, Any] = {"name": folder_name(path).lstrip("_.-") or "own_data"}
    if not one_of_several:
        card["table"] = path.name
    card["columns"] = {meaning: name for meaning, name in said.items() if meaning != name}
    card["no_label"] = absent
    card["tasks"] = tasks
    card["modalities"] = {name: {"columns": list(names)} for name, names in features.items()}
    kept = {key: value for key, value in card.items() if value}
    text = as_yaml(kept)
    return Guess(text, tuple(reasons), tuple(_missing(cells, said, tasks)))


def write_card(path: Path) -> Guess:
    """Write the guessed card beside the table at ``path``, and try whether the table can be read.

    Returns:
        The guess; its ``missing`` also tells why the table cannot be read with it.

    Raises:
        InputError: when there is a card already, or the file is no table.
    """
    card = path.parent / CARD
    if card.exists():
        raise InputError(f"{card} is there already: move it away for a new one")
    guessed = guess(path)
    head = (
        "# Written by 'python -m sslcl.data init': correct what is wrong; docs/your-data.md says "
        "how.\n"
    )
    try:
        card.write_text(head + guessed.card, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{card} cannot be written: {error.strerror or error}") from None
    if guessed.missing:
        return guessed
    try:
        read_tables(path.parent, read_card(card))
    except InputError as error:
        return Guess(guessed.card, guessed.reasons, (str(error),))
    return guessed


def _features(cells: pd.DataFrame, names: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Columns of numbers whose names differ in a number at the end, by what is before it."""
    groups: dict[str, list[str]] = defaultdict(list)
    for name in names:
        numbered = _NUMBERED.fullmatch(name)
        if numbered and plain(name) not in _USUAL and _are_numbers(cells[name]):
            groups[numbered[1].rstrip("_-. ")].append(name)
    for stem, columns in groups.items():
        modality = re.sub(r"[^A-Za-z0-9]+", "_", stem).strip("_")
        if len(columns) >= _LEAST_FEATURES and modality:
            yield modality, columns


def _are_numbers(cells: pd.Series) -> bool:
    numbers = pd.to_numeric(cells.str.replace(",", ".", regex=False), errors="coerce")
    return bool(numbers.notna().all())


def label_columns(cells: pd.DataFrame, names: Sequence[str]) -> list[str]:
    """Columns with a usual name for labels, the usual order first, and few different cells."""
    few = [n for n in _called_labels(names) if 2 <= cells[n].nunique() <= _MOST_CLASSES]
    return sorted(few, key=lambda name: _USUAL.index(plain(name)))


def _called_labels(names: Iterable[str]) -> list[str]:
    return [name for name in names if plain(name) in _USUAL]


def guessed_tasks(
    cells: pd.DataFrame, columns: Sequence[str], reasons: list[str]
) -> tuple[dict[str, Any], list[str]]:
    """The tasks of a card by these columns, and their cells that mean no label.

    Args:
        cells: the table.
        columns: of labels.
        reasons: gets a line on each task.
    """
    tasks: dict[str, Any] = {}
    absent: list[str] = []
    for name in columns:
        distinct = [str(cell) for cell in cells[name].unique()]
        none = [cell for cell in distinct if cell.strip().lower() in NO_LABEL]
        counts = cells[name].map(_class).value_counts()
        labels = {_class(c) for c in distinct if c.strip() and c not in none}
        spellings = _spellings(labels, counts)
        classes = sorted(spellings, key=_rank)
        shown = ", ".join(classes[:_SHOWN]) + (" and more" if len(classes) > _SHOWN else "")
        reasons.append(f"'{name}' is a task, by its name; {len(classes)} classes: {shown}")
        for written in (names for names in spellings.values() if len(names) > 1):
            reasons.append(f"{', '.join(written)} are one class: they differ in case only")
        several = [label for label in classes if _SEVERAL.search(label)]
        if len(several) > len(classes) / 2:
            reasons.append(
                f"cells of '{name}' such as '{several[0]}' seem to hold several classes: each "
                "combination counts as a class of its own"
            )
        if none:
            reasons.append(f"{', '.join(none)} in '{name}' is taken for no label")
        absent += [cell for cell in none if cell not in absent]
        tasks[plain(name) or name] = {"column": name, "classes": classes}
    return tasks, absent


def _spellings(labels: Iterable[str], counts: pd.Series) -> dict[str, list[str]]:
    """The most frequent spelling of each class to all that differ from it in case only."""
    alike: dict[str, list[str]] = defaultdict(list)
    for label in sorted(labels):
        alike[label.lower()].append(label)
    return {max(names, key=counts.__getitem__): names for names in alike.values()}


def _class(cell: str) -> str:
    """A class as the card writes it: ``1.0`` as ``1``."""
    whole = re.fullmatch(r"\s*(-?\d+)(?:\.0*)?\s*", cell)
    return whole[1] if whole else cell.strip()


def _rank(name: str) -> tuple[float, str]:
    try:
        return float(name), name
    except ValueError:
        return float("inf"), name


def _missing(cells: pd.DataFrame, said: dict[str, str], tasks: dict[str, Any]) -> Iterator[str]:
    if not said and not tasks:
        first = ", ".join(f"'{name}'" for name in list(cells.columns)[:_SHOWN])
        yield f"no column is known by its name, from {first} on: is the first row a header?"
    for meaning in ("conversation", "speaker"):
        if meaning not in said:
            known = ", ".join((meaning, *SYNONYMS[meaning][:3]))
            yield (
                f"no column is called as the {meaning} usually is ({known}): add "
                f"'columns: {{{meaning}: NAME}}' to the card"
                + (", or 'speaker: none' if nobody is named" if meaning == "speaker" else "")
            )
    same = [name for name in _called_labels(cells.columns) if cells[name].nunique() == 1]
    if not tasks and same:
        yield f"all cells of '{same[0]}' are {cells[same[0]].iloc[0]!r:.40}: expected two classes"
    elif not tasks:
        yield (
            "no column is called as labels usually are (label, emotion, sentiment): add "
            "'tasks: {emotion: {column: NAME, classes: [...]}}' to the card"
        )
