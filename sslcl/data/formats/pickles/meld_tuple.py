"""MELD as a tuple of nine or ten."""

from dataclasses import replace
from pathlib import Path

from sslcl.data.corpus import Corpus
from sslcl.data.formats import Format
from sslcl.data.formats.pickles._assembly import corpus_of
from sslcl.data.formats.pickles._labels import with_sentiment
from sslcl.data.formats.pickles._tuples import FITTED_NOTE, Layout, fitting, only, take_apart
from sslcl.data.reading.path_contents import PathContents

_START = {"utterances": 0, "speakers": 1, "labels": 2}
_TEXT_AUDIO = {"text": ((3,), 600), "audio": ((4,), 300)}
NINE = Layout(
    "meld",
    9,
    "one-hot",
    {**_START, "sentences": 5, "train": 6, "test": 7, "sentiment": 8},
    _TEXT_AUDIO,
)
TEN = Layout(
    "meld",
    10,
    "one-hot",
    {**_START, "sentences": 6, "train": 7, "test": 8},
    {**_TEXT_AUDIO, "video": ((5,), 342)},
)


class MeldTuple(Format):
    """The file that DialogueRNN reads (no video), or the one of MMGCN and MM-DFN."""

    name = "meld_tuple"
    summary = "MELD, pickled tuple of 9 (text 600, audio 300) or 10 (also video 342)"

    def claims(self, contents: PathContents) -> frozenset[Path]:
        """Every tuple of this structure."""
        return frozenset(fitting(contents, (NINE, TEN)))

    def read(self, contents: PathContents) -> Corpus:
        """The one tuple."""
        fits = fitting(contents, (NINE, TEN))
        file = only(list(fits), "MELD feature tuples")
        content = contents.pickles[file]
        parts = take_apart(file, content, fits[file])
        parts = replace(parts, notes=(FITTED_NOTE, *parts.notes))
        return corpus_of(with_sentiment(parts, content[9]) if len(content) == 10 else parts)
