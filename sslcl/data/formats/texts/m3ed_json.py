"""M3ED's annotation: series, dialogues and utterances as JSON objects by id, in Chinese."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sslcl.data.corpus import SPLITS, Corpus, held_out
from sslcl.data.formats import Format
from sslcl.data.formats.texts._dialogues import Dialogues, Made, Utterance, corpus_of_dialogues
from sslcl.data.reading.path_contents import PathContents
from sslcl.data.reading.split_files import split_named
from sslcl.data.reading.texts import read_text
from sslcl.errors import InputError

EMOTIONS = ("Happy", "Surprise", "Sad", "Disgust", "Anger", "Fear", "Neutral")
_ANNOTATION = "EmoAnnotation"
_MAIN = "final_main_emo"
_TEST_SHARE = 5


class M3edJson(Format):
    """``M3ED_annotation.json``, and the lists ``movie_list_train.txt`` and so on beside it."""

    name = "m3ed_json"
    summary = "M3ED's JSON: series, dialogues, utterances with Text, Speaker and EmoAnnotation"

    def claims(self, contents: PathContents) -> frozenset[Path]:
        """The one annotation and the lists of series by split."""
        files = [file for file, content in contents.json.items() if _fits(content)]
        return frozenset([*files, *_lists(contents).values()]) if files else frozenset()

    def read(self, contents: PathContents) -> Corpus:
        """The dialogues of each split, by the lists of series or else by the hash of their ids."""
        files = [file for file, content in contents.json.items() if _fits(content)]
        if len(files) > 1:
            names = ", ".join(file.name for file in files)
            raise InputError(f"{contents.path} holds {names}: give the path of one of them")
        lists = _lists(contents)
        dialogues = _dialogues(files[0], contents.json[files[0]])
        homes, note = _homes(files[0], lists, dialogues)
        splits: dict[str, dict[str, list[Utterance]]] = {}
        for (series, name), rows in dialogues.items():
            splits.setdefault(homes[series, name], {})[name] = rows
        ordered: dict[str, Dialogues] = {s: splits[s] for s in SPLITS}
        made = Made(contents.path, "the layout of M3ED", (), EMOTIONS, (note,) if note else ())
        return corpus_of_dialogues(ordered, made)


Key = tuple[str, str]
"""Series and dialogue."""


def _fits(content: Any) -> bool:
    one = content
    for _ in range(2):
        if not isinstance(one, dict) or not one:
            return False
        one = next(iter(one.values()))
    if not isinstance(one, dict) or not isinstance(one.get("Dialog"), dict):
        return False
    first = next(iter(one["Dialog"].values()), None)
    return isinstance(first, dict) and {"Text", "Speaker", _ANNOTATION} <= first.keys()


def _lists(contents: PathContents) -> dict[str, Path]:
    files = [file for file in contents.of(".txt") if file.stem.startswith("movie_list")]
    named = {split_named(file.stem): file for file in files}
    return {split: file for split, file in named.items() if split is not None}


def _dialogues(file: Path, content: Any) -> dict[Key, list[Utterance]]:
    dialogues: dict[Key, list[Utterance]] = {}
    try:
        for series, of_series in content.items():
            for name, dialogue in of_series.items():
                turns = sorted(dialogue["Dialog"].items(), key=lambda turn: _number(turn[0]))
                dialogues[str(series), str(name)] = [_utterance(one, row) for one, row in turns]
    except (AttributeError, KeyError, TypeError) as error:
        raise InputError(f"{file}: an utterance lacks {error}") from None
    return dialogues


def _number(name: str) -> tuple[int, str]:
    last = str(name).rpartition("_")[2]
    return (int(last) if last.isdecimal() else 0, str(name))


def _utterance(name: str, row: Mapping[str, Any]) -> Utterance:
    annotation = row[_ANNOTATION]
    label = annotation[_MAIN] if isinstance(annotation, dict) else annotation
    known = str(label) if label in EMOTIONS else None
    return Utterance(str(name), str(row["Speaker"]), str(row["Text"]), known)


def _homes(
    file: Path, lists: Mapping[str, Path], dialogues: Mapping[Key, Any]
) -> tuple[dict[Key, str], str]:
    """The split of each dialogue, and a note where no list says it."""
    if not {"train", "validation", "test"} <= lists.keys():
        names = [name for _, name in dialogues]
        test = held_out(names, _TEST_SHARE)
        validation = held_out([name for name in names if name not in test], 2 * _TEST_SHARE)
        homes = {
            key: "test" if key[1] in test else "validation" if key[1] in validation else "train"
            for key in dialogues
        }
        return homes, (
            "no lists of series by split (movie_list_train.txt and so on): one in "
            f"{_TEST_SHARE} dialogues tests, chosen by the hash of their ids"
        )
    by_series = {
        series: split for split, path in lists.items() for series in read_text(path).split()
    }
    for series, _ in dialogues:
        if series not in by_series:
            raise InputError(f"{file}: series '{series}' is in no list of a split")
    return {key: by_series[key[0]] for key in dialogues}, ""
