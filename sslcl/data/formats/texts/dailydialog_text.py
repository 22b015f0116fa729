"""DailyDialog's own text files: one dialogue a line, and its emotions in a file beside it."""

from pathlib import Path

from sslcl.data.corpus import Corpus
from sslcl.data.formats import Format
from sslcl.data.formats.texts._dialogues import (
    EMOTIONS_OF_DAILYDIALOG,
    Made,
    Utterance,
    corpus_of_dialogues,
    split_files,
)
from sslcl.data.reading.path_contents import PathContents
from sslcl.data.reading.texts import first_line, read_text
from sslcl.errors import InputError

END = "__eou__"
_LONGEST = 1 << 16


class DailyDialogText(Format):
    """``dialogues_train.txt`` and ``dialogues_emotion_train.txt``, and so for the other splits."""

    name = "dailydialog_text"
    summary = f"DailyDialog's own text files: utterances parted by {END}, emotions by blanks"

    def claims(self, contents: PathContents) -> frozenset[Path]:
        """The files of dialogues and of emotions, where there are both."""
        lines = {file: first_line(file, _LONGEST) for file in contents.of(".txt")}
        texts = {file for file, line in lines.items() if END in line}
        numbers = {
            file
            for file, line in lines.items()
            if set(line.split()) and set(line.split()) <= set("0123456") and "emo" in file.stem
        }
        return frozenset(texts | numbers) if texts and numbers else frozenset()

    def read(self, contents: PathContents) -> Corpus:
        """Every split that has both files."""
        files = sorted(self.claims(contents))
        dialogues = [file for file in files if END in first_line(file, _LONGEST)]
        texts = split_files(dialogues)
        emotions = split_files([file for file in files if file not in dialogues])
        both = [split for split in texts if split in emotions]
        notes = tuple(
            f"{one.name} has no file beside it and is left out"
            for split, one in {**emotions, **texts}.items()
            if split not in both
        )
        splits = {split: _dialogues(texts[split], emotions[split], split) for split in both}
        layout = "the layout of DailyDialog's text files"
        made = Made(contents.path, layout, ("dailydialog",), EMOTIONS_OF_DAILYDIALOG, notes)
        return corpus_of_dialogues(splits, made)


def _dialogues(texts: Path, emotions: Path, split: str) -> dict[str, list[Utterance]]:
    lines = [line for line in read_text(texts).split("\n") if line.strip()]
    numbers = [line.split() for line in read_text(emotions).split("\n") if line.strip()]
    if len(lines) != len(numbers):
        raise InputError(
            f"{emotions} has {len(numbers)} lines, expected {len(lines)} as in {texts}"
        )
    dialogues = {}
    for at, (line, labels) in enumerate(zip(lines, numbers, strict=True)):
        words = [text.strip() for text in line.split(END)]
        words = words[:-1] if not words[-1] else words
        if len(words) != len(labels) or not set(labels) <= set("0123456"):
            raise InputError(
                f"{emotions}, line {at + 1}: is '{' '.join(labels)[:40]}', expected "
                f"{len(words)} numbers from 0 to {len(EMOTIONS_OF_DAILYDIALOG) - 1}, one an "
                "utterance"
            )
        # Two people speak in turn in every dialogue of this corpus.
        dialogues[f"{split}_{at:05}"] = [
            Utterance(str(n), f"speaker {n % 2 + 1}", text, EMOTIONS_OF_DAILYDIALOG[int(label)])
            for n, (text, label) in enumerate(zip(words, labels, strict=True))
        ]
    return dialogues
