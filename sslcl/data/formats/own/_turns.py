"""Tables whose rows are whole conversations, one column a turn, such as EmoContext's."""

from dataclasses import replace

import numpy as np

from sslcl.data.formats.own._card import CARD, Card
from sslcl.data.formats.own._table import RawTable
from sslcl.errors import InputError, did_you_mean


def with_a_row_a_turn(raw: RawTable, card: Card) -> tuple[RawTable, list[str]]:
    """The table with one row an utterance where the card names ``turns``, and a note.

    A row's label is that of its last turn; the turns before it are context. Without a column of
    conversations each row is one, and without one of speakers two people speak in turn.

    Args:
        raw: its columns called by what they mean.
        card: its ``turns`` are columns of the table.

    Raises:
        InputError: when a turn is no column, two rows are the same conversation, or features are
            columns, which would belong to no turn.
    """
    if not card.turns:
        return raw, []
    header = [str(name) for name in raw.cells.columns]
    for name in card.turns:
        if name not in header:
            raise InputError(
                f"{raw.path} has no column '{name}', which {CARD} lists in 'turns': "
                f"{did_you_mean(name, header)}"
            )
    if raw.features:
        raise InputError(
            f"{raw.path}: 'turns' in {CARD} does not go with features in columns: expected feature "
            "files"
        )
    texts = raw.cells[list(card.turns)].to_numpy(dtype=object)
    at, turn = np.nonzero(texts != "")
    cells = raw.cells.drop(columns=list(card.turns)).iloc[at].reset_index(drop=True)
    cells["text"] = texts[at, turn].astype(str)
    _check_conversations(raw)
    if "conversation" not in cells:
        cells["conversation"] = [f"row_{row + 1}" for row in at]
    if "speaker" not in cells:
        cells["speaker"] = [f"speaker {place % 2 + 1}" for place in turn]
    last = np.append(at[1:] != at[:-1], True)
    for task in card.all_tasks().values():
        if task.column in cells:
            cells[task.column] = cells[task.column].where(last, "")
    note = (
        f"each row is a conversation of up to {len(card.turns)} turns; the last one has its label"
    )
    return replace(raw, cells=cells, places=[raw.places[int(row)] for row in at]), [note]


def _check_conversations(raw: RawTable) -> None:
    if "conversation" not in raw.cells:
        return
    again = raw.cells["conversation"].duplicated().to_numpy()
    if again.any():
        raise raw.fault(int(again.argmax()), "conversation", "another id, each row being one")
