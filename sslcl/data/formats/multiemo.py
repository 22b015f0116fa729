"""MultiEMO's separate files: one dictionary a modality, and a tuple for the rest."""

from dataclasses import replace
from pathlib import Path

from sslcl.data.corpus import Corpus
from sslcl.data.formats import Format, Found, iemocap_tuple, meld_tuple
from sslcl.data.formats._assembly import corpus_of
from sslcl.data.formats._tuples import (
    Feature,
    fitting,
    ids_of,
    keyed,
    only,
    take_apart,
)
from sslcl.data.formats._widths import width_of

WIDTHS = {"text": 768, "audio": 512, "video": 1000}
_TUPLES = (*iemocap_tuple.LAYOUTS, meld_tuple.NINE, meld_tuple.TEN)


class MultiEmo(Format):
    """``TextFeatures.pkl``, ``AudioFeatures.pkl``, ``VisualFeatures.pkl`` and ``Speakers.pkl``."""

    name = "multiemo"
    summary = (
        "IEMOCAP or MELD, pickled dictionaries of text 768, audio 512 and video 1000 beside a "
        "feature tuple"
    )

    def claims(self, found: Found) -> frozenset[Path]:
        """The files of features and the tuples, when there are all of them."""
        features, tuples = self._features(found), self._tuples(found)
        if not tuples or not all(features.values()):
            return frozenset()
        return frozenset(tuples).union(*features.values())

    def read(self, found: Found) -> Corpus:
        """The features in the order text, audio, video; all else from the tuple."""
        file = only(self._tuples(found), "feature tuples")
        parts = take_apart(file, found.pickles[file], fitting(found, _TUPLES)[file])
        features = {}
        for name, files in self._features(found).items():
            one = only(files, f"features of {name}")
            features[name] = Feature(one, (keyed(found.pickles[one], one, name),), WIDTHS[name])
        return corpus_of(replace(parts, features=features))

    def _features(self, found: Found) -> dict[str, list[Path]]:
        return {
            name: [file for file, x in found.pickles.items() if width_of(x) == width]
            for name, width in WIDTHS.items()
        }

    def _tuples(self, found: Found) -> list[Path]:
        keys = {
            str(k)
            for files in self._features(found).values()
            for f in files
            for k in found.pickles[f]
        }
        return [
            file
            for file, layout in fitting(found, _TUPLES).items()
            if ids_of(found.pickles[file], layout) & keys
        ]
