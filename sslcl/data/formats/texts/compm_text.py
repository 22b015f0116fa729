"""CoMPM's text files: an utterance a line, its cells parted by tabs; blank lines part dialogues."""

from collections.abc import Sequence
from pathlib import Path

from sslcl.data.corpus import Corpus
from sslcl.data.formats import Format
from sslcl.data.formats.texts._dialogues import (
    Dialogues,
    Made,
    Utterance,
    corpus_of_dialogues,
    in_known_names,
    split_files,
)
from sslcl.data.published.texts import recorded_corpora
from sslcl.data.reading.path_contents import PathContents
from sslcl.data.reading.texts import first_lines, read_text
from sslcl.errors import InputError

_SAMPLE = 1 << 16
_HEADER = ["speaker", "utterance", "emotion"]
_LEAST_CELLS = 3
_SENTIMENTS = {"negative", "neutral", "positive"}


class CompmText(Format):
    """``MELD_train.txt``, ``iemocap_dev.txt`` and the like."""

    name = "compm_text"
    summary = "CoMPM's text files: speaker, utterance and emotion by tabs, blank lines between"

    def claims(self, contents: PathContents) -> frozenset[Path]:
        """The text files of this structure."""
        return frozenset(file for file in contents.of(".txt") if _fits(file))

    def read(self, contents: PathContents) -> Corpus:
        """Every split that is there."""
        home = split_files(sorted(self.claims(contents)))
        splits = {split: _dialogues(file, split) for split, file in home.items()}
        named, classes = in_known_names(splits)
        made = Made(contents.path, "the layout of CoMPM's text files", recorded_corpora(), classes)
        return corpus_of_dialogues(named, made)


def _fits(file: Path) -> bool:
    """Whether all rows have cells enough, with blank lines between some of them."""
    lines = first_lines(file, _SAMPLE)
    rows = [line for line in lines if line.strip()]
    blank = any(not line.strip() for line in lines[1:-1])
    return blank and len(rows) > 1 and all(len(row.split("\t")) >= _LEAST_CELLS for row in rows)


def _dialogues(file: Path, split: str) -> Dialogues:
    lines = [line.rstrip("\r") for line in read_text(file).split("\n")]
    first = [cell.strip().lower() for cell in lines[0].split("\t")]
    start = int(first[:_LEAST_CELLS] == _HEADER)
    rows = {n: line.split("\t") for n, line in enumerate(lines[start:], start + 1) if line.strip()}
    polar = first[_LEAST_CELLS:] == ["sentiment"] if start else _mostly_polar(list(rows.values()))
    dialogues: dict[str, list[Utterance]] = {}
    last = 0
    for number, row in rows.items():
        if len(row) < _LEAST_CELLS + polar:
            raise InputError(
                f"{file}, line {number}: has {len(row)} cells, expected {_LEAST_CELLS + polar} or "
                "more by tabs: speaker, utterance and emotion" + (" and sentiment" if polar else "")
            )
        if not last or number > last + 1:
            dialogues[f"{split}_{len(dialogues):05}"] = []
        last = number
        rest, sentiment = (row[:-1], row[-1].strip()) if polar else (row, None)
        turns = list(dialogues.values())[-1]
        text = " ".join(rest[1:-1]).strip()
        turns.append(Utterance(str(len(turns)), rest[0].strip(), text, rest[-1].strip(), sentiment))
    return dialogues


def _mostly_polar(rows: Sequence[Sequence[str]]) -> bool:
    """Whether most rows end with a sentiment after their emotion, where no header says so."""
    polar = [len(row) > _LEAST_CELLS and row[-1].strip() in _SENTIMENTS for row in rows]
    return sum(polar) > len(polar) / 2
