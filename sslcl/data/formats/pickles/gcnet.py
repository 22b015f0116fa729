"""IEMOCAP as GCNet and MERTools pickle it: a list of six, labels in six or four classes."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from sslcl.data.corpus import Corpus, Task
from sslcl.data.formats import Format
from sslcl.data.formats.pickles._assembly import corpus_of
from sslcl.data.formats.pickles._tuples import Layout, fitting, only, take_apart
from sslcl.data.published.corpora.iemocap import IEMOCAP_FOUR, MERGED_TASK, SIZES
from sslcl.data.reading.path_contents import PathContents

_FIELDS = {"utterances": 0, "labels": 1, "speakers": 2, "sentences": 3, "train": 4, "test": 5}
LAYOUT = Layout("iemocap", 6, "letters", _FIELDS)
_HAPPY = sum(counts[0] for counts in SIZES.counts["emotion"])
"""Utterances that are happy and not excited."""


class GcNet(Format):
    """``IEMOCAP_features_raw_6way.pkl`` and ``..._4way.pkl``."""

    name = "gcnet"
    summary = "IEMOCAP of GCNet and MERTools, pickled list of 6: texts and six or four labels"

    def claims(self, contents: PathContents) -> frozenset[Path]:
        """Every list of this structure whose labels are whole numbers."""
        return frozenset(
            file for file in fitting(contents, [LAYOUT]) if _highest(contents.pickles[file])
        )

    def read(self, contents: PathContents) -> Corpus:
        """The one list; its labels are of six classes where one is above 3, else of four."""
        file = only(list(self.claims(contents)), "lists of GCNet")
        content = contents.pickles[file]
        corpus = corpus_of(take_apart(file, content, LAYOUT))
        return corpus if _highest(content) > 3 else _four_classes(corpus)


def _highest(content: Any) -> int:
    """The highest label; 0 where labels are no whole numbers."""
    try:
        return max(int(label) for labels in content[1].values() for label in labels)
    except (TypeError, ValueError):
        return 0


def _four_classes(corpus: Corpus) -> Corpus:
    """The corpus with its one task, happy with excited utterances or without them.

    In MERTools the classes from 0 are happy, sad, neutral and angry.
    """
    happy = int((corpus.table["emotion"] == "happy").sum())
    merged = happy > _HAPPY
    task = MERGED_TASK if merged else "emotion4"
    table = corpus.table.assign(**{task: corpus.table["emotion"]}).drop(columns="emotion")
    if not merged:
        return replace(corpus, table=table, tasks={task: Task(task, IEMOCAP_FOUR)})
    note = f"{happy} happy utterances, {_HAPPY} usually: excited ones are among them"
    table = table.drop(columns="emotion4")
    return replace(
        corpus,
        table=table,
        tasks={task: Task(task, IEMOCAP_FOUR)},
        notes=(*corpus.notes, note),
    )
