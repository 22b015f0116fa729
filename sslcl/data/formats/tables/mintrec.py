"""MIntRec: twenty intents in single utterances of a television series.

``train.tsv``, ``dev.tsv`` and ``test.tsv`` with the header ``season episode clip text label``, and
pickles of features: a dict from ``season_episode_clip`` to frames, ``(frames, 768)`` for audio and
a list of ``(1, 256)`` for video. A modality is the mean over all frames. The clips of an episode
are picked, not contiguous, and spread over the splits: each utterance is a conversation of its
own. Speakers are not named.
"""

import re
from pathlib import Path

import pandas as pd

from sslcl.data.corpus import Corpus, Task
from sslcl.data.formats import Format
from sslcl.data.formats.tables._intents import Row, frames, pooled, read_splits, tables
from sslcl.data.published.corpora.mintrec import RECORD
from sslcl.data.reading.path_contents import PathContents
from sslcl.errors import InputError, unknown

_HEADER = ("season", "episode", "clip", "text", "label")
_KEY = re.compile(r"S\d+_E\d+_\d+", re.IGNORECASE)
INTENTS = (
    *("Complain", "Praise", "Apologise", "Thank", "Criticize", "Agree", "Taunt", "Flaunt", "Joke"),
    *("Oppose", "Comfort", "Care", "Inform", "Advise", "Arrange", "Introduce", "Leave", "Prevent"),
    *("Greet", "Ask for help"),
)
GOALS = frozenset(
    {
        *("Inform", "Advise", "Arrange", "Introduce", "Leave", "Prevent", "Greet"),
        *("Ask for help", "Comfort"),
    }
)
"""Intents that express a goal; the others express an emotion or attitude."""


class MIntRec(Format):
    """Three tables, and pickles of frames beside them."""

    name = "mintrec"
    summary = "MIntRec's TSV files (season, episode, clip, text, label) and pickles of frames"

    def claims(self, contents: PathContents) -> frozenset[Path]:
        """Tables with MIntRec's header, and dicts with keys ``season_episode_clip``."""
        files = tables(contents, _HEADER)
        return frozenset((*files, *frames(contents, _KEY))) if files else frozenset()

    def read(self, contents: PathContents) -> Corpus:
        """Each utterance as a conversation of its own."""
        splits = read_splits(tables(contents, _HEADER), _HEADER)
        rows = [(split, row) for split, content in splits.items() for row in content]
        keys = [f"{row['season']}_{row['episode']}_{row['clip']}" for _, row in rows]
        features, notes = pooled(frames(contents, _KEY), keys)
        table = pd.DataFrame(
            {
                "conversation": keys,
                "utterance": keys,
                "speaker": "unknown",
                "split": [split for split, _ in rows],
                "text": [row["text"] for _, row in rows],
                "intent": [_intent(row, key) for (_, row), key in zip(rows, keys, strict=True)],
            }
        )
        repeated = table["conversation"].duplicated()
        if repeated.any():
            key = table["conversation"][repeated].iloc[0]
            raise InputError(f"{contents.path}: clip '{key}' is there twice, expected each once")
        coarse = {name: "Goal" if name in GOALS else "Emotion" for name in INTENTS}
        return Corpus(
            name="mintrec",
            table=table.assign(goal_emotion=table["intent"].map(coarse)),
            features=features,
            tasks={
                "intent": Task("intent", INTENTS),
                "goal_emotion": Task("goal_emotion", ("Emotion", "Goal")),
            },
            description=f"{RECORD.title}.",
            licence=RECORD.licence,
            notes=(
                "clips are not contiguous: each utterance is a conversation of its own",
                *notes,
            ),
        )


def _intent(row: Row, key: str) -> str:
    if row["label"] not in INTENTS:
        raise unknown("intent", row["label"], INTENTS, f"MIntRec's clip '{key}'")
    return row["label"]
