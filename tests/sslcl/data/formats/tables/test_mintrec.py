"""MIntRec's and MIntRec2.0's layouts: recognised by content, pooled, damage told in one line."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sslcl.data import load_dataset
from sslcl.data.corpus import Corpus, dataset_of
from sslcl.data.formats import recognise
from sslcl.data.formats.tables import mintrec, mintrec2
from sslcl.data.loading.checks import check_dataset
from sslcl.data.reading.pickles import load_pickle
from sslcl.errors import InputError

from ...writers.mintrec import SPLITS, SPLITS_2, dump, in_scope, write, write_2

AUDIO, VIDEO = "audio_data/audio_feats.pkl", "video_data/video_feats.pkl"


def assert_pooled(corpus: Corpus, folder: Path) -> None:
    audio, video = load_pickle(folder / AUDIO), load_pickle(folder / VIDEO)
    for row, key in enumerate(corpus.table["utterance"]):
        expected = {"audio": audio[key].mean(0), "video": sum(x[0] for x in video[key])}
        expected["video"] = expected["video"] / len(video[key])
        for name, vector in expected.items():
            np.testing.assert_allclose(corpus.features[name][row], vector, atol=1e-6)


class TestMIntRec:
    def test_each_utterance_is_a_conversation(self, tmp_path: Path) -> None:
        corpus = recognise(write(tmp_path / "any"))
        assert corpus.name == "mintrec"
        assert list(corpus.table["conversation"])[:2] == ["S04_E01_103", "S04_E01_21"]
        assert list(corpus.table["split"]) == [*["train"] * 3, "validation", "test", "test"]
        assert corpus.table["text"][0] == 'he said "stop'
        dataset = dataset_of(corpus)
        check_dataset(dataset)
        assert [len(c) for c in dataset.train] == [1, 1, 1]
        assert dataset.train[2].labels.tolist() == [2]
        assert_pooled(corpus, tmp_path / "any")

    def test_labels_in_id_order(self) -> None:
        assert len(mintrec.INTENTS) == 20
        assert mintrec.INTENTS[10:13] == ("Comfort", "Care", "Inform")
        assert mintrec.INTENTS[-1] == "Ask for help"

    def test_comfort_is_a_goal_and_care_an_emotion(self, tmp_path: Path) -> None:
        rows = [["S04", "E01", str(i), "words", label] for i, label in enumerate(mintrec.INTENTS)]
        corpus = recognise(write(tmp_path, {**SPLITS, "train": rows}, features=False))
        coarse = dict(zip(corpus.table["intent"], corpus.table["goal_emotion"], strict=True))
        assert coarse["Comfort"] == "Goal"
        assert coarse["Care"] == "Emotion"
        assert sum(kind == "Goal" for kind in coarse.values()) == 9

    def test_names_of_pickles_do_not_matter(self, tmp_path: Path) -> None:
        before = recognise(write(tmp_path)).features["audio"]
        audio, video = tmp_path / AUDIO, tmp_path / VIDEO
        kept = audio.read_bytes()
        audio.write_bytes(video.read_bytes())
        video.write_bytes(kept)
        np.testing.assert_array_equal(recognise(tmp_path).features["audio"], before)

    def test_frames_beyond_the_usual_count_are_averaged_too(self, tmp_path: Path) -> None:
        audio = load_pickle(write(tmp_path) / AUDIO)
        audio["S04_E01_103"] = np.repeat([[1.0], [3.0]], (480, 120), axis=0) * np.ones((1, 768))
        dump(tmp_path / AUDIO, audio)
        assert recognise(tmp_path).features["audio"][0] == pytest.approx(1.4)

    def test_no_frames_are_zeros_and_noted(self, tmp_path: Path) -> None:
        video = load_pickle(write(tmp_path) / VIDEO)
        video["S04_E01_21"] = []
        dump(tmp_path / VIDEO, video)
        corpus = recognise(tmp_path)
        assert not corpus.features["video"][1].any()
        assert any("1 utterances have no frames of video" in note for note in corpus.notes)

    def test_by_its_name_in_the_catalog(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SSLCL_CACHE", str(tmp_path / "cache"))
        write(tmp_path / "mintrec")
        options = {"encoder": "none", "task": "goal_emotion"}
        assert load_dataset("mintrec", options, tmp_path).label_names == ("Emotion", "Goal")


class TestMIntRec2:
    def test_dialogues_in_order_with_speakers(self, tmp_path: Path) -> None:
        corpus = recognise(write_2(tmp_path / "any"))
        assert corpus.name == "mintrec2"
        dataset = dataset_of(corpus)
        check_dataset(dataset)
        assert [c.id for c in dataset.train] == ["dia2", "dia10"]
        assert dataset.train[0].utterance_ids == ("dia2_utt9", "dia2_utt10")
        assert dataset.train[0].speakers.tolist() == [0, 1]
        assert_pooled(corpus, tmp_path / "any")

    def test_out_of_scope_is_context_only(self, tmp_path: Path) -> None:
        corpus = recognise(write_2(tmp_path))
        assert dataset_of(corpus).train[0].labels.tolist() == [-1, mintrec2.INTENTS.index("Doubt")]
        assert "2 utterances out of scope are context only" in corpus.notes

    def test_times_in_seconds(self, tmp_path: Path) -> None:
        table = recognise(write_2(tmp_path)).table.set_index("utterance")
        assert table.loc["dia2_utt10", "start"] == 3600.5
        assert table.loc["dia10_utt0", "end"] == pytest.approx(142.075)
        assert table.loc[["dia4_utt0"], "start"].isna().all()

    def test_of_several_folders_the_fullest_is_read(self, tmp_path: Path) -> None:
        write_2(tmp_path / "in-scope", in_scope(SPLITS_2))
        write_2(tmp_path / "total")
        corpus = recognise(tmp_path)
        assert len(corpus.table) == 6
        assert_pooled(corpus, tmp_path / "total")

    def test_a_dialogue_in_two_splits_is_a_conversation_in_each(self, tmp_path: Path) -> None:
        rows = [["2", "11", *SPLITS_2["dev"][0][2:]]]
        corpus = recognise(write_2(tmp_path, {**SPLITS_2, "dev": rows}))
        assert {"dia2 (train)", "dia2 (validation)"} <= set(corpus.table["conversation"])
        check_dataset(dataset_of(corpus))

    def test_thirty_labels(self) -> None:
        assert len(set(mintrec2.INTENTS)) == 30
        assert list(mintrec2.INTENTS) == sorted(mintrec2.INTENTS)

    def test_by_its_name_in_the_catalog(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SSLCL_CACHE", str(tmp_path / "cache"))
        write_2(tmp_path / "mintrec2")
        assert load_dataset("mintrec2", {"encoder": "none"}, tmp_path).speakers == 2


def test_the_tables_alone_are_text(tmp_path: Path) -> None:
    for writer in (write, write_2):
        corpus = recognise(writer(tmp_path / writer.__name__, features=False))
        assert corpus.features == {}
        assert "text" in corpus.table


Damage = Callable[[Path], object]


def edit(name: str, change: Callable[[dict[str, Any]], object]) -> Damage:
    def damage(folder: Path) -> None:
        content = load_pickle(folder / name)
        change(content)
        dump(folder / name, content)

    return damage


def put(name: str, value: object) -> Damage:
    return edit(name, lambda content: content.update({"S04_E01_21": value}))


def nan(content: dict[str, Any]) -> None:
    content["S04_E01_21"][0, 5] = np.nan


def rewrite(name: str, old: str, new: str) -> Damage:
    def damage(folder: Path) -> None:
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new, 1))

    return damage


def cut(name: str, keep: int) -> Damage:
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:keep])


def same_width(folder: Path) -> None:
    (folder / VIDEO).write_bytes((folder / AUDIO).read_bytes())


def narrow(content: dict[str, Any]) -> None:
    content.update({key: x[:, 1:] for key, x in content.items()})


DAMAGES: dict[str, tuple[Damage, str]] = {
    "key missing": (edit(AUDIO, lambda c: c.pop("S04_E01_21")), "no frames for 'S04_E01_21'"),
    "nan": (edit(AUDIO, nan), "frames of 'S04_E01_21' are not finite"),
    "width of one": (put(AUDIO, np.ones((3, 256))), "'S04_E01_21' have width 256, expected 768"),
    "width of all": (edit(AUDIO, narrow), "frames have width 767, expected 768 (audio), 256"),
    "uneven": (put(VIDEO, [np.ones((1, 256)), np.ones((1, 3))]), "are of unequal width"),
    "flat": (put(AUDIO, np.ones(768)), "of shape (768,), expected numbers of shape"),
    "both audio": (same_width, "both hold audio features"),
    "no table": (lambda folder: (folder / "dev.tsv").unlink(), "no TSV file of the validation"),
    "header only": (cut("test.tsv", 31), "test.tsv has no rows"),
    "cut in a row": (cut("test.tsv", 50), "test.tsv, line 2: has 4 columns, expected 5"),
    "not text": (
        lambda folder: (folder / "test.tsv").open("ab").write(b"\0\xff\xfe"),
        "test.tsv is not UTF-8 text",
    ),
    "unknown label": (rewrite("dev.tsv", "Ask for help", "Ask help"), "mean 'Ask for help'"),
    "twice": (
        rewrite("train.tsv", "S04\tE01\t21", "S04\tE01\t103"),
        "'S04_E01_103' is there twice",
    ),
    "unnamed split": (
        lambda folder: (folder / "dev.tsv").rename(folder / "more.tsv"),
        "expected 'train', 'dev' or 'test' in the name",
    ),
    "split twice": (
        lambda folder: (folder / "test.tsv").rename(folder / "valid.tsv"),
        "are both the validation split",
    ),
}


@pytest.mark.parametrize("case", DAMAGES)
def test_damage_is_told_in_one_line(tmp_path: Path, case: str) -> None:
    damage, expected = DAMAGES[case]
    damage(write(tmp_path))
    with pytest.raises(InputError) as raised:
        recognise(tmp_path)
    message = str(raised.value)
    assert expected in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("\tDoubt\t", "\tDoubtful\t", "did you mean 'Doubt'"),
        ("10\t0\t", "ten\t0\t", "Dialogue_id is 'ten', expected a number"),
        ("\tJonah\n", "\n", "line 3: has 7 columns, expected 8"),
    ],
)
def test_damage_of_the_second_is_told_in_one_line(
    tmp_path: Path, old: str, new: str, expected: str
) -> None:
    rewrite("train.tsv", old, new)(write_2(tmp_path))
    with pytest.raises(InputError) as raised:
        recognise(tmp_path)
    assert expected in str(raised.value)
    assert "\n" not in str(raised.value)


@settings(max_examples=40)
@given(second=st.booleans(), name=st.sampled_from(["train", "dev", "test"]), share=st.floats(0, 1))
def test_a_table_cut_short_is_one_line_or_whole_rows(
    tmp_path_factory: pytest.TempPathFactory, second: bool, name: str, share: float
) -> None:
    folder = (write_2 if second else write)(tmp_path_factory.mktemp("cut"), features=False)
    whole = recognise(folder).table.set_index("utterance")
    content = (folder / f"{name}.tsv").read_bytes()
    (folder / f"{name}.tsv").write_bytes(content[: int(len(content) * share)])
    try:
        left = recognise(folder).table.set_index("utterance")
    except InputError as error:
        told = str(error)
    else:
        unchanged = ["split", "text", "intent"]
        assert left[unchanged].equals(whole.loc[left.index, unchanged])
        told = "one line"
    assert "\n" not in told


def test_other_tables_and_pickles_are_not_claimed(tmp_path: Path) -> None:
    (tmp_path / "train.tsv").write_text("a\tb\n1\t2\n")
    (tmp_path / "some.pkl").write_bytes(pickle.dumps({"one": [1]}))
    with pytest.raises(InputError, match="no known format"):
        recognise(tmp_path)
