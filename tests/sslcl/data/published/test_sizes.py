"""Published sizes: what is said of files that have them, and of files that do not."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sslcl.data import CATALOG, load_dataset
from sslcl.data.corpus import SPLITS, Corpus, Task
from sslcl.data.formats import recognise
from sslcl.data.published.corpora import RECORDS
from sslcl.data.published.corpora.iemocap import IEMOCAP
from sslcl.data.published.corpora.meld import MELD
from sslcl.data.published.sizes import known_notes
from sslcl.errors import InputError

from ..writers import cosmic, iemocap_tuple, made_up, meld_tuple
from ..writers.made_up import Dialogue, write

Split = Sequence[str | None]
KNOWN = {name: record.sizes for name, record in RECORDS.items() if record.sizes}


def usual(name: str) -> dict[str, list[str | None]]:
    """Labels by split in the usual numbers."""
    known = KNOWN[name]
    return {
        split: [c for c, n in zip(known.classes["emotion"], counts, strict=True) for _ in range(n)]
        for split, counts in zip(SPLITS, known.counts["emotion"], strict=True)
    }


def made(name: str, labels: Mapping[str, Split], conversations: Mapping[str, int]) -> Corpus:
    """A corpus with these labels, its utterances dealt to the conversations of their split."""
    tables = []
    for split, column in labels.items():
        homes = np.sort(np.arange(len(column)) % max(1, conversations[split]))
        tables.append(
            pd.DataFrame(
                {
                    "conversation": [f"{split} {n}" for n in homes],
                    "utterance": [str(n) for n in range(len(column))],
                    "speaker": "a",
                    "split": split,
                    "emotion": pd.Series(list(column), dtype=object),
                }
            )
        )
    table = pd.concat(tables, ignore_index=True)
    return Corpus(name, table, {}, {"emotion": Task("emotion", KNOWN[name].classes["emotion"])})


@pytest.mark.parametrize("name", ["iemocap", "meld", "emorynlp"])
def test_the_usual_files_are_told_by_one_line(name: str) -> None:
    corpus = made(name, usual(name), KNOWN[name].conversations)
    assert known_notes(corpus) == (f"sizes and label counts match the usual files of {name}",)


@pytest.mark.parametrize("name", KNOWN)
def test_the_usual_numbers_agree_with_one_another(name: str) -> None:
    known = KNOWN[name]
    for counts in known.counts.values():
        assert [sum(c) for c in counts] == [known.utterances[s] for s in SPLITS]


def test_one_happy_utterance_fewer_is_another_build() -> None:
    labels = usual("iemocap")
    labels["test"].remove("happy")
    (note,) = known_notes(made("iemocap", labels, KNOWN["iemocap"].conversations))
    assert "utterances 5163/647/1622 in train/validation/test, usually 5163/647/1623" in note
    assert "happy 451/53/143 usually 451/53/144" in note
    assert "one happy utterance fewer in test" in note


def test_unlabelled_context_is_explained() -> None:
    labels = usual("iemocap")
    labels["train"] += [None] * 100
    (note,) = known_notes(made("iemocap", labels, KNOWN["iemocap"].conversations))
    assert "100 utterances without a label: the build that keeps them as context" in note


def test_a_merged_development_set_is_explained() -> None:
    labels = usual("meld")
    merged = {"train": labels["train"] + labels["validation"], "test": labels["test"]}
    (note,) = known_notes(made("meld", merged, {"train": 1152, "test": 280}))
    assert "conversations 1152/0/280" in note
    assert "the validation split is merged into the training split" in note


def test_another_order_of_the_classes_is_explained() -> None:
    swap = {"happy": "excited", "excited": "happy"}
    labels = {s: [swap.get(str(x), x) for x in column] for s, column in usual("iemocap").items()}
    (note,) = known_notes(made("iemocap", labels, KNOWN["iemocap"].conversations))
    assert "happy has the counts of excited, excited has the counts of happy" in note


def test_what_has_no_known_cause_is_a_part_or_another_build(tmp_path: Path) -> None:
    write(tmp_path / "x.pkl", tuple(iemocap_tuple.content(made_up.iemocap())))
    note = recognise(tmp_path).notes[-1]
    assert "conversations 3/12/2 in train/validation/test, usually 108/12/31" in note
    assert note.endswith("(another build of the corpus, or a part of it)")


def test_other_corpora_are_not_compared() -> None:
    corpus = made("meld", usual("meld"), KNOWN["meld"].conversations)
    assert known_notes(Corpus("mine", corpus.table, {}, corpus.tasks)) == ()


def full_meld() -> list[Dialogue]:
    """Dialogues in the usual numbers: train 0 to 1038 without 60, then dev, then test."""
    numbers = {
        "train": [n for n in range(1039) if n != 60],
        "validation": list(range(1039, 1153)),
        "test": list(range(1153, 1433)),
    }
    dialogues = []
    for split, labels in usual("meld").items():
        for n, part in zip(
            numbers[split], np.array_split(np.array(labels), len(numbers[split])), strict=True
        ):
            classes = tuple(MELD.index(str(x)) for x in part)
            dialogues.append(Dialogue(n, split, (0,) * len(part), classes))
    return dialogues


class OneRow(Dialogue):
    """A dialogue whose rows are one array: small in a pickle."""

    def features(self, width: int, salt: str) -> list[np.ndarray]:
        return [ROWS.setdefault(width, np.ones(width, np.float16))] * len(self.labels)


ROWS: dict[int, np.ndarray] = {}


def test_the_merged_development_set_of_meld_is_recovered_and_verified(tmp_path: Path) -> None:
    dialogues = [OneRow(d.id, d.split, d.parties, d.labels) for d in full_meld()]
    fields = meld_tuple.content(dialogues, 9)
    fields[8] = {d.id: [made_up.MELD_SENTIMENTS[x] for x in d.labels] for d in dialogues}
    corpus = recognise(write(tmp_path / "x.pkl", tuple(fields)))
    splits = corpus.table.groupby("split")["conversation"].unique()
    assert set(splits["validation"]) == {str(n) for n in range(1039, 1153)}
    assert any("1039 to 1152, verified by their label counts" in note for note in corpus.notes)
    assert corpus.counts("emotion")["validation"] == [470, 150, 40, 111, 163, 22, 153]
    other = dialogues[1100]
    dialogues[1100] = OneRow(other.id, other.split, other.parties, (6,) * len(other.labels))
    fields = meld_tuple.content(dialogues, 9)
    corpus = recognise(write(tmp_path / "x.pkl", tuple(fields)))
    assert set(corpus.table["split"]) == {"train", "test"}
    assert any("development set cannot be told" in note for note in corpus.notes)


def test_iemocap_is_a_dataset_in_a_folder_of_its_own(tmp_path: Path) -> None:
    fields = iemocap_tuple.content(made_up.iemocap())
    write(tmp_path / "iemocap" / "x.pkl", tuple(fields))
    six = load_dataset("iemocap", data_dir=tmp_path)
    assert six.label_names == IEMOCAP
    assert six.modalities == {"text": 100, "audio": 100, "video": 512}
    assert (len(six.train), len(six.validation)) == (3, 12)
    four = load_dataset("iemocap", {"task": "emotion4"}, tmp_path)
    assert four.label_names == IEMOCAP[:4]
    assert "on request" in CATALOG.get("iemocap").summary


def test_a_folder_with_another_corpus_is_told(tmp_path: Path) -> None:
    made_dialogues = made_up.meld()
    write(tmp_path / "iemocap" / "x.pkl", cosmic.content(made_dialogues, "meld"))
    with pytest.raises(InputError, match="holds the corpus 'meld', expected 'iemocap'"):
        load_dataset("iemocap", data_dir=tmp_path)
