"""The texts and labels published with COSMIC, without features."""

from pathlib import Path

from sslcl.data.corpus import Corpus
from sslcl.data.formats import Format
from sslcl.data.formats.pickles._assembly import corpus_of
from sslcl.data.formats.pickles._tuples import Layout, fitting, only, take_apart
from sslcl.data.reading.path_contents import PathContents

_SIX = {"speakers": 0, "labels": 1, "sentences": 2, "train": 3, "test": 4, "validation": 5}
_SEVEN = {
    "speakers": 0,
    "labels": 1,
    "sentiment": 2,
    "sentences": 3,
    "train": 4,
    "test": 5,
    "validation": 6,
}
LAYOUTS = (
    Layout("iemocap", 6, "letters", _SIX),
    Layout("dailydialog", 6, "digits", _SIX),
    Layout("emorynlp", 6, "one-hot", _SIX),
    Layout("meld", 7, "one-hot", _SEVEN),
)


class CosmicLabels(Format):
    """``iemocap.pkl``, ``meld.pkl``, ``emorynlp.pkl``: their text is left to an encoder."""

    name = "cosmic_labels"
    summary = (
        "IEMOCAP, EmoryNLP, DailyDialog (pickled list of 6) or MELD (7): texts and labels, the "
        "features by an encoder"
    )

    def claims(self, contents: PathContents) -> frozenset[Path]:
        """Every list of this structure."""
        return frozenset(fitting(contents, LAYOUTS))

    def read(self, contents: PathContents) -> Corpus:
        """The one list."""
        fits = fitting(contents, LAYOUTS)
        file = only(list(fits), "lists of texts and labels")
        return corpus_of(take_apart(file, contents.pickles[file], fits[file]))
