"""The RoBERTa features published with COSMIC, which SACL and others read."""

from dataclasses import replace
from pathlib import Path

from sslcl.data.corpus import Corpus
from sslcl.data.formats import Format, Found
from sslcl.data.formats._assembly import corpus_of
from sslcl.data.formats._tuples import (
    ROBERTA,
    ROBERTA_NOTE,
    Layout,
    fitting,
    only,
    take_apart,
)

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

    def claims(self, found: Found) -> frozenset[Path]:
        """Every list of this structure."""
        return frozenset(fitting(found, LAYOUTS))

    def read(self, found: Found) -> Corpus:
        """The one list."""
        fits = fitting(found, LAYOUTS)
        file = only(list(fits), "RoBERTa features")
        parts = take_apart(file, found.pickles[file], fits[file])
        return corpus_of(replace(parts, notes=(ROBERTA_NOTE,)))
