"""MultiEMO's separate files: one dictionary a modality, and a tuple for the rest."""

from dataclasses import replace
from pathlib import Path

from sslcl.data.corpus import Corpus
from sslcl.data.formats import Format
from sslcl.data.formats.pickles import iemocap_tuple, meld_tuple
from sslcl.data.formats.pickles._assembly import corpus_of
from sslcl.data.formats.pickles._tuples import (
    Feature,
    fitting,
    ids_of,
    keyed,
    only,
    take_apart,
)
from sslcl.data.reading.feature_width import width_of
from sslcl.data.reading.path_contents import PathContents

WIDTHS = {"text": 768, "audio": 512, "video": 1000}
_TUPLES = (*iemocap_tuple.LAYOUTS, meld_tuple.NINE, meld_tuple.TEN)


class MultiEmo(Format):
    """``TextFeatures.pkl``, ``AudioFeatures.pkl``, ``VisualFeatures.pkl`` and ``Speakers.pkl``."""

    name = "multiemo"
    summary = (
        "IEMOCAP or MELD, pickled dictionaries of text 768, audio 512 and video 1000 beside a "
        "feature tuple"
    )

    def claims(self, contents: PathContents) -> frozenset[Path]:
        """The files of features and the tuples, when there are all of them."""
        features, tuples = self._features(contents), self._tuples(contents)
        if not tuples or not all(features.values()):
            return frozenset()
        return frozenset(tuples).union(*features.values())

    def read(self, contents: PathContents) -> Corpus:
        """The features in the order text, audio, video; all else from the tuple."""
        file = only(self._tuples(contents), "feature tuples")
        parts = take_apart(file, contents.pickles[file], fitting(contents, _TUPLES)[file])
        features = {}
        for name, files in self._features(contents).items():
            one = only(files, f"features of {name}")
            features[name] = Feature(one, (keyed(contents.pickles[one], one, name),), WIDTHS[name])
        return corpus_of(replace(parts, features=features, notes=()))

    def _features(self, contents: PathContents) -> dict[str, list[Path]]:
        return {
            name: [file for file, x in contents.pickles.items() if width_of(x) == width]
            for name, width in WIDTHS.items()
        }

    def _tuples(self, contents: PathContents) -> list[Path]:
        keys = {
            str(k)
            for files in self._features(contents).values()
            for f in files
            for k in contents.pickles[f]
        }
        return [
            file
            for file, layout in fitting(contents, _TUPLES).items()
            if ids_of(contents.pickles[file], layout) & keys
        ]
