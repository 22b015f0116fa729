"""IEMOCAP as GCNet and MERTools pickle it: a list of six, texts and labels in six classes."""

from pathlib import Path
from typing import Any

from sslcl.data.corpus import Corpus
from sslcl.data.formats import Format
from sslcl.data.formats.pickles._assembly import corpus_of
from sslcl.data.formats.pickles._tuples import Layout, fitting, only, take_apart
from sslcl.data.reading.path_contents import PathContents

_FIELDS = {"utterances": 0, "labels": 1, "speakers": 2, "sentences": 3, "train": 4, "test": 5}
LAYOUT = Layout("iemocap", 6, "letters", _FIELDS)


class GcNet(Format):
    """``IEMOCAP_features_raw_6way.pkl``: ids, labels, speakers and sentences before the splits."""

    name = "gcnet"
    summary = "IEMOCAP of GCNet and MERTools, pickled list of 6: texts and six labels"

    def claims(self, contents: PathContents) -> frozenset[Path]:
        """Every list of this structure whose labels need six classes."""
        return frozenset(
            file for file in fitting(contents, [LAYOUT]) if _six_way(contents.pickles[file])
        )

    def read(self, contents: PathContents) -> Corpus:
        """The one list."""
        file = only(list(self.claims(contents)), "lists of GCNet")
        return corpus_of(take_apart(file, contents.pickles[file], LAYOUT))


def _six_way(content: Any) -> bool:
    """Whether the labels go to 5: the four-class file numbers other classes from 0 to 3."""
    try:
        return max(int(label) for labels in content[1].values() for label in labels) == 5
    except (TypeError, ValueError):
        return False
