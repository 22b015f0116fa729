"""EmoryNLP's own JSON: seasons, episodes, scenes and utterances."""

from pathlib import Path
from typing import Any

from sslcl.data.corpus import Corpus
from sslcl.data.formats import Format
from sslcl.data.formats.texts._dialogues import (
    Made,
    Utterance,
    corpus_of_dialogues,
    split_files,
)
from sslcl.data.published.corpora.emorynlp import EMORYNLP
from sslcl.data.reading.path_contents import PathContents
from sslcl.errors import InputError


class EmoryNlpJson(Format):
    """``emotion-detection-trn.json`` and the like."""

    name = "emorynlp_json"
    summary = "EmoryNLP's own JSON: episodes, scenes, utterances with transcript and emotion"

    def claims(self, contents: PathContents) -> frozenset[Path]:
        """The JSON files of this structure."""
        return frozenset(file for file, content in contents.json.items() if _fits(content))

    def read(self, contents: PathContents) -> Corpus:
        """Every split that is there."""
        home = split_files(sorted(self.claims(contents)))
        several = 0
        splits: dict[str, dict[str, list[Utterance]]] = {}
        for split, file in home.items():
            splits[split] = {}
            try:
                for scene in (s for e in contents.json[file]["episodes"] for s in e["scenes"]):
                    rows = scene["utterances"]
                    several += sum(len(row["speakers"]) > 1 for row in rows)
                    splits[split][str(scene["scene_id"])] = [_utterance(row) for row in rows]
            except (KeyError, TypeError, IndexError) as error:
                raise InputError(f"{file}: a scene lacks {error}") from None
        note = f"{several} utterances have several speakers; the first one listed counts"
        labels = {one.label for s in splits.values() for rows in s.values() for one in rows}
        classes = EMORYNLP if labels <= {*EMORYNLP, None} else ()
        made = Made(
            contents.path,
            "the layout of EmoryNLP's JSON",
            ("emorynlp",),
            classes,
            (note,) if several else (),
        )
        return corpus_of_dialogues(splits, made)


def _fits(content: Any) -> bool:
    return isinstance(content, dict) and isinstance(content.get("episodes"), list)


def _utterance(row: Any) -> Utterance:
    speaker = str(row["speakers"][0]) if row["speakers"] else "nobody"
    return Utterance(
        str(row["utterance_id"]), speaker, str(row["transcript"]), row["emotion"] or None
    )
