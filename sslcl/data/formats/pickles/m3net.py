"""M3Net's pair: audio and video of one file, text of another."""

from dataclasses import replace
from pathlib import Path

from sslcl.data.corpus import Corpus
from sslcl.data.formats import Format
from sslcl.data.formats.pickles import cosmic, iemocap_tuple, meld_tuple
from sslcl.data.formats.pickles._assembly import corpus_of
from sslcl.data.formats.pickles._tuples import (
    FITTED_NOTE,
    ROBERTA_NOTE,
    Layout,
    Parts,
    as_text,
    fitting,
    ids_of,
    only,
    take_apart,
)
from sslcl.data.reading.path_contents import PathContents
from sslcl.errors import InputError

_TUPLES = (*iemocap_tuple.LAYOUTS, meld_tuple.TEN)


class M3NetFormat(Format):
    """A feature tuple with audio and video, and COSMIC's RoBERTa features of the same dialogues."""

    name = "m3net"
    summary = (
        "IEMOCAP or MELD, a feature tuple (audio, video) beside COSMIC's file (text 1024, the mean "
        "of 4 layers)"
    )

    def claims(self, contents: PathContents) -> frozenset[Path]:
        """Both files of every pair."""
        return frozenset(file for pair in self._pairs(contents) for file in pair)

    def read(self, contents: PathContents) -> Corpus:
        """The one pair; validation as in COSMIC's file, which must agree on test and labels."""
        pairs = self._pairs(contents)
        first = only(sorted({pair[0] for pair in pairs}), "feature tuples")
        second = only(sorted({pair[1] for pair in pairs}), "RoBERTa features")
        tuples, texts = fitting(contents, _TUPLES), fitting(contents, cosmic.LAYOUTS)
        parts = take_apart(first, contents.pickles[first], tuples[first])
        text = take_apart(second, contents.pickles[second], texts[second])
        _check_pair(parts, text)
        fields = dict(parts.fields)
        if "sentiment" in text.fields:
            fields["sentiment"] = text.fields["sentiment"]
        return corpus_of(
            replace(
                parts,
                splits=text.splits,
                fields=fields,
                features={**parts.features, "text": text.features["text"]},
                notes=(FITTED_NOTE, ROBERTA_NOTE, *parts.notes, *text.notes),
            )
        )

    def _pairs(self, contents: PathContents) -> list[tuple[Path, Path]]:
        texts = fitting(contents, cosmic.LAYOUTS)
        return [
            (first, second)
            for first, one in fitting(contents, _TUPLES).items()
            for second, other in texts.items()
            if one.corpus == other.corpus and _share(contents, first, one, second, other)
        ]


def _share(contents: PathContents, first: Path, one: Layout, second: Path, other: Layout) -> bool:
    return bool(ids_of(contents.pickles[first], one) & ids_of(contents.pickles[second], other))


def _check_pair(parts: Parts, text: Parts) -> None:
    both = f"{parts.file} and {text.file}"
    for split in ("train", "test"):
        merged = ("train", "validation") if split == "train" else ("test",)
        other = {one for part in merged for one in text.splits[part]}
        strange = other ^ set(parts.splits[split])
        if strange:
            raise InputError(f"{both}: dialogue '{min(strange)}' is in {split} of one of them only")
    for ids in parts.splits.values():
        for one in ids:
            mine, theirs = (as_text(x.fields["labels"].get(one)) for x in (parts, text))
            if mine != theirs:
                raise InputError(f"{both}: dialogue '{one}' has other labels in one than the other")
