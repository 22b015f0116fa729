"""The tuples of SDT: four layers of RoBERTa beside audio and video."""

from dataclasses import replace
from pathlib import Path

from sslcl.data.corpus import Corpus
from sslcl.data.formats import Format
from sslcl.data.formats.pickles._assembly import corpus_of
from sslcl.data.formats.pickles._labels import with_sentiment
from sslcl.data.formats.pickles._tuples import (
    ROBERTA,
    ROBERTA_NOTE,
    Layout,
    fitting,
    only,
    take_apart,
)
from sslcl.data.reading.path_contents import PathContents

_FIELDS = {"utterances": 0, "speakers": 1, "labels": 2, "sentences": 9, "train": 10, "test": 11}


def _layout(corpus: str, length: int, speakers: str, audio: int) -> Layout:
    text = ((3, 4, 5, 6), ROBERTA)
    features = {"text": text, "audio": ((7,), audio), "video": ((8,), 342)}
    return Layout(corpus, length, speakers, _FIELDS, features)


LAYOUTS = (_layout("iemocap", 12, "letters", 1582), _layout("meld", 13, "one-hot", 300))


class Sdt(Format):
    """``*_multimodal_features.pkl``."""

    name = "sdt"
    summary = (
        "IEMOCAP or MELD, pickled tuple of 12 or 13: text 1024 (mean of 4 layers), "
        "audio 1582 or 300, video 342"
    )

    def claims(self, contents: PathContents) -> frozenset[Path]:
        """Every tuple of this structure."""
        return frozenset(fitting(contents, LAYOUTS))

    def read(self, contents: PathContents) -> Corpus:
        """The one tuple."""
        fits = fitting(contents, LAYOUTS)
        file = only(list(fits), "feature tuples of SDT")
        content = contents.pickles[file]
        parts = take_apart(file, content, fits[file])
        parts = replace(parts, notes=(ROBERTA_NOTE, *parts.notes))
        return corpus_of(with_sentiment(parts, content[12]) if len(content) == 13 else parts)
