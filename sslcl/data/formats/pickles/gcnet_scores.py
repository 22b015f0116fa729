"""CMU-MOSI and CMU-MOSEI as GCNet and MERTools pickle them: a list of seven, texts and scores."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sslcl.data.corpus import Corpus
from sslcl.data.formats import Format
from sslcl.data.formats.pickles._scores import (
    BINARY,
    SEVEN,
    TERNARY,
    by_nonzero_sign,
    by_sign,
    by_step,
)
from sslcl.data.formats.pickles._tuples import Layout, Parts, length, only, take_apart
from sslcl.data.published.corpora import RECORDS
from sslcl.data.published.texts import folder_name
from sslcl.data.reading.path_contents import PathContents
from sslcl.errors import InputError

_FIELDS = {
    "utterances": 0,
    "labels": 1,
    "speakers": 2,
    "sentences": 3,
    "train": 4,
    "validation": 5,
    "test": 6,
}
_CONTAINERS = (list, tuple, set, frozenset, np.ndarray)
_KNOWN = {2199: ("mosi_gcnet", "mosi_mmsa"), 22856: ("mosei_gcnet", "mosei")}
"""By the number of utterances: name, and the record of the corpus."""


class GcNetScores(Format):
    """``CMUMOSI_features_raw_2way.pkl``: ids, scores, speakers, sentences, then the splits."""

    name = "gcnet_scores"
    summary = "CMU-MOSI or MOSEI of GCNet and MERTools, pickled list of 7: texts and scores"

    def claims(self, contents: PathContents) -> frozenset[Path]:
        """Every list of this structure."""
        return frozenset(file for file, content in contents.pickles.items() if _fits(content))

    def read(self, contents: PathContents) -> Corpus:
        """The one list, a conversation a video."""
        file = only(list(self.claims(contents)), "lists of GCNet")
        return _corpus(contents.path, take_apart(file, contents.pickles[file], _LAYOUT))


_LAYOUT = Layout("mosi", len(_FIELDS), "letters", _FIELDS)


def _fits(content: Any) -> bool:
    if not isinstance(content, list | tuple) or len(content) != len(_FIELDS):
        return False
    if not all(isinstance(part, dict) and part for part in content[:4]):
        return False
    ids, scores, _, sentences = (next(iter(part.values())) for part in content[:4])
    return (
        all(isinstance(part, _CONTAINERS) for part in content[4:])
        and all(length(part) for part in (ids, scores, sentences))
        and isinstance(ids[0], str)
        and isinstance(sentences[0], str)
        and isinstance(scores[0], int | float | np.number)
    )


def _corpus(path: Path, parts: Parts) -> Corpus:
    names = ("utterances", "sentences", "labels")
    rows = [
        (video, str(utterance), video, split, str(text), score)
        for split, videos in parts.splits.items()
        for video in videos
        for utterance, text, score in zip(
            *(_of_video(parts, name, video) for name in names), strict=True
        )
    ]
    columns = ["conversation", "utterance", "speaker", "split", "text", "score"]
    table = pd.DataFrame(rows, columns=columns)
    scores = _scores(parts.file, table)
    table = table.drop(columns="score").assign(
        sentiment3=by_sign(scores),
        sentiment2=pd.Series(by_nonzero_sign(scores), dtype="str"),
        sentiment7=by_step(scores),
    )
    name, record = _KNOWN.get(len(table), (folder_name(path), ""))
    known = RECORDS.get(record)
    title = known.title if known else "Videos in the layout of GCNet's pickles of scores"
    return Corpus(
        name=name,
        table=table,
        features={},
        tasks={task.column: task for task in (TERNARY, BINARY, SEVEN)},
        description=f"{title}; texts. One conversation a video, one speaker.",
        licence="on request from its authors" if known else "",
    )


def _of_video(parts: Parts, name: str, video: str) -> Any:
    labels = parts.fields["labels"].get(video)
    rows = parts.fields[name].get(video)
    if not length(rows) or length(rows) != length(labels):
        raise InputError(
            f"{parts.file}: video '{video}' has {length(labels)} scores and {length(rows)} rows of "
            f"{name}"
        )
    return rows


def _scores(file: Path, table: pd.DataFrame) -> NDArray[np.float64]:
    scores = pd.to_numeric(table["score"], errors="coerce").to_numpy(dtype=np.float64)
    wrong = ~np.isfinite(scores) | (np.abs(scores) > 3)
    if wrong.any():
        row = table.iloc[int(wrong.argmax())]
        raise InputError(
            f"{file}: the score of '{row['utterance']}' is {row['score']!s:.40}, expected a number "
            "from -3 to 3"
        )
    return scores
