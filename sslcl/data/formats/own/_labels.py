"""Cells of a column of labels as classes of the card."""

import math
from collections.abc import Sequence

import pandas as pd


def classes_of(
    cells: pd.Series, classes: Sequence[str], no_label: Sequence[str]
) -> tuple[pd.Series, str]:
    """The class of each cell, and a note where a cell is not written as the card writes it.

    A cell is a class by its exact text; else by its number, so that ``1.0`` is ``1``; else by its
    letters, whatever their case. Where the classes have names and all cells are whole numbers
    from 0, they are places in the list of classes.

    Args:
        cells: text of each row.
        classes: in the order of their indices.
        no_label: cells that mean no label, as an empty one does.

    Returns:
        Classes, missing without a label; a cell that is no class stands as it is.
    """
    homes = {name: name for name in classes}
    absent = {"", *no_label}
    distinct = [str(cell) for cell in cells.unique()]
    numbers = {cell: number for cell in distinct if (number := _number(cell)) is not None}
    absent |= {c for c, n in numbers.items() if n in [_number(one) for one in no_label]} - {*homes}
    said = [cell for cell in distinct if cell.strip() not in absent and cell not in homes]
    by_number = {n: name for name in classes if (n := _number(name)) is not None}
    by_text = {name.strip(): name for name in classes}
    by_letters = {name.strip().lower(): name for name in classes}
    if len(by_letters) < len(classes):
        by_letters = {}
    note = ""
    if not by_number and _are_places(said, len(classes), homes.keys() & set(distinct)):
        note = f"numbers are the places of {', '.join(classes)}, from 0"
        by_number = {float(place): name for place, name in enumerate(classes)}
    for cell in said:
        home = by_text.get(cell.strip()) or by_letters.get(cell.strip().lower())
        if home is None and cell in numbers:
            home = by_number.get(numbers[cell])
        if home is not None:
            homes[cell] = home
            note = note or f"'{cell}' and the like are read as '{home}' of the card"
    labels = [
        homes.get(cell, None if cell.strip() in absent and cell not in homes else cell)
        for cell in map(str, cells)
    ]
    return pd.Series(labels, index=cells.index, dtype="str"), note


def _are_places(said: Sequence[str], classes: int, exact: set[str]) -> bool:
    """Whether cells are whole numbers from 0 on; without a 0 they may count from 1."""
    numbers = {_number(cell) for cell in said}
    return not exact and 0.0 in numbers and numbers <= {float(n) for n in range(classes)}


def _number(cell: str) -> float | None:
    try:
        number = float(cell)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
