"""IEMOCAP as a tuple of nine: the features of conversational models since 2018."""

from dataclasses import replace
from pathlib import Path

from sslcl.data.corpus import Corpus
from sslcl.data.formats import Format
from sslcl.data.formats.pickles._assembly import corpus_of
from sslcl.data.formats.pickles._tuples import FITTED_NOTE, Layout, fitting, only, take_apart
from sslcl.data.reading.path_contents import PathContents

_FIELDS = {
    "utterances": 0,
    "speakers": 1,
    "labels": 2,
    "sentences": 6,
    "train": 7,
    "test": 8,
}


def _layout(text: int, audio: int, video: int) -> Layout:
    features = {"text": ((3,), text), "audio": ((4,), audio), "video": ((5,), video)}
    return Layout("iemocap", 9, "letters", _FIELDS, features)


LAYOUTS = (_layout(100, 100, 512), _layout(100, 1582, 342))
"""Text, audio and video: by convolution, openSMILE reduced and 3D convolution; or the whole of
openSMILE and DenseNet faces."""


class IemocapTuple(Format):
    """The file that DialogueRNN and DialogueGCN read, or the one of MMGCN and MM-DFN."""

    name = "iemocap_tuple"
    summary = "IEMOCAP, pickled tuple of 9: text 100, audio 100, video 512; or 100, 1582, 342"

    def claims(self, contents: PathContents) -> frozenset[Path]:
        """Every tuple of this structure."""
        return frozenset(fitting(contents, LAYOUTS))

    def read(self, contents: PathContents) -> Corpus:
        """The one tuple."""
        fits = fitting(contents, LAYOUTS)
        file = only(list(fits), "IEMOCAP feature tuples")
        parts = take_apart(file, contents.pickles[file], fits[file])
        return corpus_of(replace(parts, notes=(FITTED_NOTE, *parts.notes)))
