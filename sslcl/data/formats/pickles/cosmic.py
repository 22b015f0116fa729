"""The RoBERTa features published with COSMIC, which SACL and others read."""

from dataclasses import replace
from pathlib import Path

from sslcl.data.corpus import Corpus
from sslcl.data.formats import Format
from sslcl.data.formats.pickles._assembly import corpus_of
from sslcl.data.formats.pickles._tuples import (
    ROBERTA,
    ROBERTA_NOTE,
    Layout,
    fitting,
    only,
    take_apart,
)
from sslcl.data.reading.path_contents import PathContents

# The test ids come before the validation ids.
_TEN = {"speakers": 0, "labels": 1, "sentences": 6, "train": 7, "test": 8, "validation": 9}
_ELEVEN = {
    "speakers": 0,
    "labels": 1,
    "sentiment": 2,
    "sentences": 7,
    "train": 8,
    "test": 9,
    "validation": 10,
}
_TEN_TEXT = {"text": ((2, 3, 4, 5), ROBERTA)}
LAYOUTS = (
    Layout("iemocap", 10, "letters", _TEN, _TEN_TEXT),
    Layout("dailydialog", 10, "digits", _TEN, _TEN_TEXT),
    Layout("emorynlp", 10, "one-hot", _TEN, _TEN_TEXT),
    Layout("meld", 11, "one-hot", _ELEVEN, {"text": ((3, 4, 5, 6), ROBERTA)}),
)


class Cosmic(Format):
    """``*_features_roberta.pkl`` of IEMOCAP, MELD, EmoryNLP or DailyDialog."""

    name = "cosmic"
    summary = (
        "IEMOCAP, EmoryNLP, DailyDialog (pickled list of 10) or MELD (11): text 1024, the mean of "
        "4 layers of RoBERTa"
    )

    def claims(self, contents: PathContents) -> frozenset[Path]:
        """Every list of this structure."""
        return frozenset(fitting(contents, LAYOUTS))

    def read(self, contents: PathContents) -> Corpus:
        """The one list."""
        fits = fitting(contents, LAYOUTS)
        file = only(list(fits), "RoBERTa features")
        parts = take_apart(file, contents.pickles[file], fits[file])
        return corpus_of(replace(parts, notes=(ROBERTA_NOTE, *parts.notes)))
