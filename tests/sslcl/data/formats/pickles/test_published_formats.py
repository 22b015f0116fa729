"""Published feature pickles: written as their publishers did, recognised, and read right."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sslcl.data.corpus import Corpus, dataset_of, with_validation
from sslcl.data.formats import recognise
from sslcl.data.published.corpora.emorynlp import EMORYNLP
from sslcl.data.published.corpora.iemocap import IEMOCAP
from sslcl.data.published.corpora.meld import MELD
from sslcl.data.reading.path_contents import PathContents
from sslcl.errors import InputError

from ...writers import cosmic, iemocap_tuple, m3net, made_up, meld_tuple, multiemo, sdt
from ...writers.made_up import Dialogue, write

Writer = Callable[[Path, Sequence[Dialogue]], object]


@dataclass(frozen=True)
class Layout:
    """A layout, its writer, and the salt and width of each modality it holds."""

    corpus: str
    write: Writer
    modalities: dict[str, tuple[tuple[str, ...], int]]
    own_validation: bool = False


def tuple_of(fields: Callable[[Sequence[Dialogue]], list[Any]]) -> Writer:
    return lambda folder, made: write(folder / "strange name.pickle", tuple(fields(made)))


def list_of(corpus: str, features: bool) -> Writer:
    return lambda folder, made: write(
        folder / "x.pkl", cosmic.content(made, corpus, features=features)
    )


LAYERS = (tuple(f"layer {n}" for n in range(1, 5)), 1024)


def own(name: str, width: int) -> tuple[tuple[str, ...], int]:
    return (name,), width


LAYOUTS = {
    **{
        f"iemocap_tuple {sum(widths)}": Layout(
            "iemocap",
            tuple_of(lambda made, widths=widths: iemocap_tuple.content(made, widths)),  # type: ignore[misc]
            {n: own(n, w) for n, w in zip(("text", "audio", "video"), widths, strict=True)},
        )
        for widths in iemocap_tuple.WIDTHS
    },
    "meld_tuple 9": Layout(
        "meld",
        tuple_of(lambda made: meld_tuple.content(made, 9)),
        {"text": own("text", 600), "audio": own("audio", 300)},
    ),
    "meld_tuple 10": Layout(
        "meld",
        tuple_of(meld_tuple.content),
        {"text": own("text", 600), "audio": own("audio", 300), "video": own("video", 342)},
    ),
    "sdt 12": Layout(
        "iemocap",
        tuple_of(lambda made: sdt.content(made, "iemocap")),
        {"text": LAYERS, "audio": own("audio", 1582), "video": own("video", 342)},
    ),
    "sdt 13": Layout(
        "meld",
        tuple_of(lambda made: sdt.content(made, "meld")),
        {"text": LAYERS, "audio": own("audio", 300), "video": own("video", 342)},
    ),
    **{
        f"cosmic {corpus}": Layout(corpus, list_of(corpus, True), {"text": LAYERS}, True)
        for corpus in made_up.MADE
    },
    **{
        f"cosmic_labels {corpus}": Layout(corpus, list_of(corpus, False), {}, True)
        for corpus in made_up.MADE
    },
    "m3net iemocap": Layout(
        "iemocap",
        lambda folder, made: m3net.files(folder, made, "iemocap"),
        {"text": LAYERS, "audio": own("audio", 1582), "video": own("video", 342)},
        True,
    ),
    "m3net meld": Layout(
        "meld",
        lambda folder, made: m3net.files(folder, made, "meld"),
        {"text": LAYERS, "audio": own("audio", 300), "video": own("video", 342)},
        True,
    ),
    **{
        f"multiemo {corpus}": Layout(
            corpus,
            lambda folder, made, corpus=corpus: multiemo.files(folder, made, corpus),  # type: ignore[misc]
            {"text": own("Text", 768), "audio": own("Audio", 512), "video": own("Visual", 1000)},
        )
        for corpus in ("iemocap", "meld")
    },
}
NAMED = {"iemocap": IEMOCAP, "meld": MELD, "emorynlp": EMORYNLP}


def written(folder: Path, name: str) -> tuple[Corpus, dict[str, Dialogue]]:
    made = made_up.MADE[LAYOUTS[name].corpus]()
    LAYOUTS[name].write(folder, made)
    return recognise(folder), {str(d.id): d for d in made}


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_written_layout_is_read_back(tmp_path: Path, name: str) -> None:
    layout = LAYOUTS[name]
    corpus, made = written(tmp_path, name)
    assert corpus.name == layout.corpus
    assert list(corpus.features) == [
        n for n in ("text", "audio", "video") if n in layout.modalities
    ]
    assert set(corpus.table["conversation"]) == set(made)
    official = layout.own_validation or layout.corpus == "iemocap"
    for one, rows in corpus.table.groupby("conversation", sort=False):
        dialogue = made[str(one)]
        split = "train" if dialogue.split == "validation" and not official else dialogue.split
        assert set(rows["split"]) == {split}
        assert rows["text"].tolist() == dialogue.texts
        assert rows["utterance"].is_unique
        if layout.corpus in NAMED:
            labels = [NAMED[layout.corpus][label] for label in dialogue.labels]
            assert rows["emotion"].tolist() == labels
        for modality, (salts, width) in layout.modalities.items():
            expected = np.mean([np.stack(dialogue.features(width, s)) for s in salts], axis=0)
            found = corpus.features[modality][rows.index]
            np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7)
            assert found.dtype == np.float32


@pytest.mark.parametrize("name", [name for name in LAYOUTS if "labels" not in name])
def test_a_written_layout_becomes_a_dataset(tmp_path: Path, name: str) -> None:
    corpus, made = written(tmp_path, name)
    for task in corpus.tasks:
        dataset = dataset_of(with_validation(corpus), task)
        assert dataset.test is not None
        assert {c.id for c in dataset.test} == {i for i, d in made.items() if d.split == "test"}
        assert len(dataset.train) + len(dataset.validation) + len(dataset.test) == len(made)
        for conversation in (*dataset.train, *dataset.validation, *dataset.test):
            dialogue = made[conversation.id]
            turns = list(dict.fromkeys(dialogue.parties))
            assert conversation.speakers.tolist() == [turns.index(p) for p in dialogue.parties]
            if task == "emotion":
                assert conversation.labels.tolist() == list(dialogue.labels)


@pytest.mark.parametrize("name", LAYOUTS)
def test_ids_of_a_split_are_in_an_order_that_does_not_depend_on_the_run(
    tmp_path: Path, name: str
) -> None:
    corpus, _ = written(tmp_path, name)
    for _, rows in corpus.table.groupby("split"):
        ids = list(rows["conversation"].unique())
        assert ids == sorted(ids, key=lambda one: (int(one) if one.isdecimal() else -1, one))


def test_iemocap_in_four_classes_keeps_the_others_as_context(tmp_path: Path) -> None:
    corpus, made = written(tmp_path, "iemocap_tuple 712")
    dataset = dataset_of(corpus, "emotion4")
    assert dataset.label_names == ("happy", "sad", "neutral", "angry")
    for conversation in dataset.train:
        labels = made[conversation.id].labels
        assert conversation.labels.tolist() == [label if label < 4 else -1 for label in labels]
    assert any("emotion4 keeps" in note for note in corpus.notes)


def test_iemocap_utterances_keep_their_published_names(tmp_path: Path) -> None:
    corpus, _ = written(tmp_path, "iemocap_tuple 712")
    assert corpus.table["utterance"].iloc[0] == f"{corpus.table['conversation'].iloc[0]}_000"


@pytest.mark.parametrize("name", ["meld_tuple 9", "meld_tuple 10", "sdt 13", "cosmic meld"])
def test_meld_has_sentiments(tmp_path: Path, name: str) -> None:
    corpus, made = written(tmp_path, name)
    for one, rows in corpus.table.groupby("conversation"):
        names = ("neutral", "positive", "negative")
        expected = [names[made_up.MELD_SENTIMENTS[x]] for x in made[str(one)].labels]
        assert rows["sentiment"].tolist() == expected


def test_a_last_field_that_is_not_the_sentiment_makes_no_task(tmp_path: Path) -> None:
    made = made_up.meld()
    fields = meld_tuple.content(made)
    fields[9] = {d.id: [2] * len(d.labels) for d in made}
    corpus = recognise(write(tmp_path / "x.pkl", tuple(fields)))
    assert list(corpus.tasks) == ["emotion"]
    assert any(note.startswith("no task sentiment") for note in corpus.notes)


def test_emorynlp_has_sentiments_made_from_emotions(tmp_path: Path) -> None:
    corpus, _ = written(tmp_path, "cosmic emorynlp")
    polarity = {
        **dict.fromkeys(("Mad", "Sad", "Scared"), "negative"),
        **dict.fromkeys(("Joyful", "Peaceful", "Powerful"), "positive"),
        "Neutral": "neutral",
    }
    assert corpus.table["sentiment"].tolist() == [polarity[e] for e in corpus.table["emotion"]]


def test_meld_texts_in_the_wrong_encoding_are_mended(tmp_path: Path) -> None:
    made = made_up.meld()
    fields = cosmic.content(made, "meld", features=False)
    first = made[0].id
    fields[3][first] = ["I\x92m caf\xe9", *fields[3][first][1:]]
    corpus = recognise(write(tmp_path / "x.pkl", fields))
    assert "I’m café" in corpus.table["text"].tolist()
    assert any(note.startswith("1 texts had Windows-1252") for note in corpus.notes)


def test_rows_of_zeros_are_counted(tmp_path: Path) -> None:
    made = made_up.iemocap()
    fields = iemocap_tuple.content(made)
    fields[5][made[0].id][0][:] = 0
    corpus = recognise(write(tmp_path / "x.pkl", tuple(fields)))
    assert "1 utterances have no video: all zeros" in corpus.notes


def test_features_may_be_lists_arrays_or_tensors(tmp_path: Path) -> None:
    made = made_up.iemocap()
    fields = iemocap_tuple.content(made)
    whole = recognise(write(tmp_path / "a" / "x.pkl", tuple(fields)))
    fields[3] = {k: np.stack(v).tolist() for k, v in fields[3].items()}
    fields[4] = {k: torch.from_numpy(np.stack(v)) for k, v in fields[4].items()}
    fields[5] = {k: np.stack(v).astype(np.float64) for k, v in fields[5].items()}
    again = recognise(write(tmp_path / "b" / "x.pkl", tuple(fields)))
    for name, x in whole.features.items():
        np.testing.assert_array_equal(x, again.features[name])


def test_iemocap_without_the_usual_validation_dialogues_holds_out_its_own(tmp_path: Path) -> None:
    made = made_up.iemocap()[1:]
    write(tmp_path / "x.pkl", tuple(iemocap_tuple.content(made)))
    corpus = recognise(tmp_path)
    assert set(corpus.table["split"]) == {"train", "test"}


def test_a_folder_may_hold_other_files_besides(tmp_path: Path) -> None:
    made = made_up.meld()
    m3net.files(tmp_path, made, "meld")
    write(tmp_path / "comet.pkl", [{d.id: d.features(768, "x") for d in made}] * 9)
    (tmp_path / "README.md").write_text("where the files are from\n")
    assert recognise(tmp_path).features["text"].shape[1] == 1024


def test_a_published_feature_file_beside_its_partner_is_read_with_it(tmp_path: Path) -> None:
    first, second = m3net.files(tmp_path, made_up.iemocap(), "iemocap")
    assert recognise(first).features["text"].shape[1] == 100
    assert list(recognise(second).features) == ["text"]
    assert recognise(tmp_path).features["text"].shape[1] == 1024


def damaged(fields: list[Any], damage: Callable[[list[Any]], None]) -> tuple[Any, ...]:
    damage(fields)
    return tuple(fields)


SOME = "Ses01F_impro09"


def _set(place: int, key: str, value: Any) -> Callable[[list[Any]], None]:
    return lambda fields: fields[place].__setitem__(key, value)


def _row(place: int, value: float) -> Callable[[list[Any]], None]:
    def damage(fields: list[Any]) -> None:
        fields[place][SOME][1][7] = value

    return damage


def _swap(fields: list[Any]) -> None:
    fields[4], fields[5] = fields[5], fields[4]


DAMAGE: dict[str, tuple[Callable[[list[Any]], None], str]] = {
    "not a number": (_row(4, np.nan), f"audio of dialogue '{SOME}' is not finite in row 1"),
    "infinite": (_row(3, -np.inf), f"text of dialogue '{SOME}' is not finite in row 1"),
    "swapped modalities": (_swap, "no known format; found x.pkl: tuple of 9 (dict of 17, "),
    "a field fewer": (lambda f: f.pop(), "no known format; found x.pkl: tuple of 8"),
    "a row fewer": (lambda f: f[5][SOME].pop(), r"labels and \d rows of video"),
    "a label fewer": (lambda f: f[2][SOME].pop(), r"'Ses01F_impro09' has \d labels and \d rows"),
    "a speaker fewer": (lambda f: f[1][SOME].pop(), "rows of speakers"),
    "a text fewer": (lambda f: f[6][SOME].pop(), "rows of sentences"),
    "no features of a dialogue": (lambda f: f[4].pop(SOME), f"audio has no dialogue '{SOME}'"),
    "no labels of a dialogue": (lambda f: f[2].pop(SOME), f"labels has no dialogue '{SOME}'"),
    "in train and test": (lambda f: f[8].add(SOME), f"'{SOME}' is in train and in test"),
    "an unknown dialogue": (lambda f: f[7].add("Ses09"), "has no dialogue 'Ses09'"),
    "nothing to test": (lambda f: f[8].clear(), "the test split has no dialogues"),
    "ids that are none": (lambda f: f.__setitem__(7, None), "expected a list"),
    "an id that is none": (lambda f: f[7].add(1.5), "where the id of a dialogue was expected"),
    "an id twice": (lambda f: f.__setitem__(8, ["Ses05M_impro01"] * 2), "is twice in the test"),
    "a label without a class": (_set(2, SOME, [6, 6, 6]), "the label 6 in labels"),
    "a label that is text": (_set(2, SOME, ["sad"] * 3), "the label 'sad' in labels"),
    "a wider row": (_set(3, SOME, np.zeros((3, 101))), r"shape \(3, 101\), expected \(3, 100\)"),
    "rows that differ": (_set(3, SOME, [[1.0], [2.0, 3.0], [1.0]]), "not a table of numbers"),
    "rows that are text": (_set(3, SOME, ["a", "b", "c"]), "not a table of numbers"),
    "no list": (_set(3, SOME, None), "is not a list of utterances"),
    "no utterances": (_set(2, SOME, []), "is not a list of utterances"),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_damage_is_told_in_one_line(tmp_path: Path, case: str) -> None:
    damage, said = DAMAGE[case]
    made = [d for d in made_up.iemocap() if d.id != SOME]
    made.append(Dialogue(SOME, "train", (0, 1, 0), (0, 3, 5)))
    fields = damaged(iemocap_tuple.content(made), damage)
    path = write(tmp_path / "x.pkl", fields)
    escaped = said if "\\" in said else said.replace("(", r"\(").replace(")", r"\)")
    with pytest.raises(InputError, match=escaped) as error:
        recognise(path)
    assert "\n" not in str(error.value)
    assert str(path) in str(error.value)


@pytest.mark.parametrize("speaker", [[0] * 9, [1, 1] + [0] * 7, [0.5] * 2, [[1]], ["a"]])
def test_a_speaker_that_is_not_one_of_several_is_told(tmp_path: Path, speaker: Any) -> None:
    made = made_up.meld()
    fields = meld_tuple.content(made)
    fields[1][59] = [speaker] * len(fields[1][59])
    with pytest.raises(InputError, match="'59' has a speaker that is not one of several"):
        recognise(write(tmp_path / "x.pkl", tuple(fields)))


def test_two_tuples_in_one_folder_are_told(tmp_path: Path) -> None:
    for name, widths in zip("ab", iemocap_tuple.WIDTHS, strict=True):
        fields = iemocap_tuple.content(made_up.iemocap(), widths)
        write(tmp_path / f"{name}.pkl", tuple(fields))
    with pytest.raises(InputError, match=r"2 files are IEMOCAP .*a\.pkl.*b\.pkl.*give the path"):
        recognise(tmp_path)
    assert recognise(tmp_path / "b.pkl").features["audio"].shape[1] == 1582


def test_files_of_two_corpora_in_one_folder_are_told(tmp_path: Path) -> None:
    write(tmp_path / "a.pkl", tuple(iemocap_tuple.content(made_up.iemocap())))
    write(tmp_path / "b.pkl", tuple(meld_tuple.content(made_up.meld())))
    with pytest.raises(InputError, match=r"could be read as iemocap_tuple \(a.pkl\); meld_tuple"):
        recognise(tmp_path)


def test_a_pair_that_does_not_agree_is_told(tmp_path: Path) -> None:
    made = made_up.iemocap()
    _, second = m3net.files(tmp_path, made, "iemocap")
    other = [
        *made[:-1],
        Dialogue(made[-1].id, "test", made[-1].parties, (5,) * len(made[-1].labels)),
    ]
    write(second, cosmic.content(other, "iemocap"))
    with pytest.raises(InputError, match=f"'{made[-1].id}' has other labels in one than the other"):
        recognise(tmp_path)
    write(second, cosmic.content(made[:-1], "iemocap"))
    with pytest.raises(InputError, match=f"'{made[-1].id}' is in test of one of them only"):
        recognise(tmp_path)


def test_separate_files_that_do_not_agree_are_told(tmp_path: Path) -> None:
    made = made_up.iemocap()
    paths = multiemo.files(tmp_path, made, "iemocap")
    content = dict(PathContents(paths["Audio"]).pickles[paths["Audio"]])
    del content[made[0].id]
    write(paths["Audio"], content)
    with pytest.raises(
        InputError, match=f"AudioFeatures.pkl: audio has no dialogue '{made[0].id}'"
    ):
        recognise(tmp_path)


def test_every_truncation_of_a_file_is_told(tmp_path: Path) -> None:
    path = write(tmp_path / "x.pkl", cosmic.content(made_up.iemocap(), "iemocap", features=False))
    whole = path.read_bytes()
    for end in range(0, len(whole), 101):
        path.write_bytes(whole[:end])
        with pytest.raises(InputError, match=r"x\.pkl") as error:
            recognise(tmp_path)
        assert "\n" not in str(error.value)
