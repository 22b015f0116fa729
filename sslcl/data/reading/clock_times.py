"""Clock times of subtitles in seconds."""

from pathlib import Path

import pandas as pd

from sslcl.data.reading.headed_csv import cell_error
from sslcl.errors import InputError

CLOCK = r"^(?:(\d{1,2}):)?([0-5]?\d):([0-5]\d)(?:[,.](\d{1,3}))?$"
"""Hours where there are any, minutes, seconds, and digits of a fraction."""
_UNKNOWN = ("", "nan", "NaN", "None", "null", "NA")
_ENOUGH = 10


def clock_columns(path: Path, raw: pd.DataFrame, start: str, end: str) -> pd.DataFrame:
    """The columns ``start`` and ``end`` in seconds.

    Args:
        path: of the file, for errors.
        raw: from :func:`sslcl.data.reading.headed_csv.read_headed`.
        start: name of the column of start times.
        end: name of the column of end times.

    Raises:
        InputError: for a cell that is no time, or when most utterances end before they start.
    """
    times = pd.DataFrame(
        {"start": clock_seconds(path, raw[start]), "end": clock_seconds(path, raw[end])}
    )
    reversed_ = int((times["end"] < times["start"]).sum())
    if reversed_ >= _ENOUGH and reversed_ > len(times) / 2:
        raise InputError(
            f"{path}: {reversed_} of {len(times)} utterances end before they start: expected the "
            f"start in '{start}' and the end in '{end}'"
        )
    return times


def clock_seconds(path: Path, column: pd.Series) -> pd.Series:
    """Seconds of times ``[[H]H:]MM:SS[,mmm]``, NaN where the cell is blank.

    A point may stand for the comma, and hours may be missing, as spreadsheets write ``09:34.9``.
    Digits after it are a decimal fraction, so that ``,28`` is 0.28 s: a dropped final zero, as the
    pauses around such times show.

    Raises:
        InputError: naming the file, row and column of the first other cell.
    """
    parts = column.str.extract(CLOCK)
    wrong = parts[2].isna() & ~column.isin(_UNKNOWN)
    if wrong.any():
        raise cell_error(path, column[wrong], "a time such as 00:20:57,256, or nothing")
    hours = parts[0].astype("float64").fillna(0.0)
    minutes, seconds = (parts[i].astype("float64") for i in (1, 2))
    fraction = ("0." + parts[3]).astype("float64").fillna(0.0)
    return (hours * 3600 + minutes * 60 + seconds + fraction).round(3)


def short_fractions(*columns: pd.Series) -> list[str]:
    """A note on times that have two digits after the second and not three."""
    short = sum(int(column.str.fullmatch(r".*[,.]\d{2}").sum()) for column in columns)
    if not short:
        return []
    return [f"{short} times have two digits after the second; read as a decimal fraction"]
