"""Clock times of subtitles in seconds."""

from pathlib import Path

import pandas as pd

from sslcl.data._headed_csv import cell_error

_CLOCK = r"(\d{1,2}):([0-5]\d):([0-5]\d)[,.](\d{2,3})"
_UNKNOWN = ("", "nan", "NaN", "None", "null", "NA")


def clock_seconds(path: Path, column: pd.Series) -> pd.Series:
    """Seconds of times ``[H]H:MM:SS,m{2,3}``, NaN where the cell is blank.

    A point may stand for the comma. Digits after it are a decimal fraction, so that ``,28`` is
    0.28 s: a dropped final zero, as the pauses around such times show.

    Args:
        path: of the file, for the error.
        column: of :func:`sslcl.data._headed_csv.read_headed`.

    Raises:
        InputError: naming the file, row and column of the first other cell.
    """
    parts = column.str.extract(f"^{_CLOCK}$")
    wrong = parts[0].isna() & ~column.isin(_UNKNOWN)
    if wrong.any():
        raise cell_error(path, column[wrong], "a time such as 00:20:57,256, or nothing")
    hours, minutes, seconds = (parts[i].astype("float64") for i in range(3))
    fraction = ("0." + parts[3]).astype("float64")
    return (hours * 3600 + minutes * 60 + seconds + fraction).round(3)


def short_fractions(column: pd.Series) -> int:
    """How many times have two digits after the second and not three."""
    return int(column.str.fullmatch(r".*[,.]\d{2}").sum())
