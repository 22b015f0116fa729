"""Which speakers of a corpus are persons by name."""

import pandas as pd


def named_speakers(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of speakers with a name of their own, not a letter or number."""
    return table[~table["speaker"].str.fullmatch(r"(?i).?|[0-9_. ]*|unknown|speaker.?.?")]
