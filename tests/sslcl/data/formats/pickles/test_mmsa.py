"""MMSA's layout: recognised by content, pooled by its definition, damage told in one line."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sslcl.data import load_dataset
from sslcl.data.corpus import Corpus, dataset_of
from sslcl.data.formats import recognise
from sslcl.data.loading.checks import check_dataset
from sslcl.data.reading.path_contents import PathContents
from sslcl.errors import InputError

from ...writers.mmsa import STEPS, WIDTHS, Content, content, write


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write(tmp_path / "renamed.bin.pkl", content())


def row_of(corpus: Corpus, utterance: str) -> int:
    (row,) = np.flatnonzero(corpus.table["utterance"] == utterance)
    return int(row)


@pytest.mark.parametrize("name", WIDTHS)
@pytest.mark.parametrize("aligned", [False, True])
def test_the_widths_tell_the_corpus(tmp_path: Path, name: str, aligned: bool) -> None:
    corpus = recognise(write(tmp_path / "some.pickle", content(name, aligned)))
    assert corpus.name == name
    widths = {modality: x.shape[1] for modality, x in corpus.features.items()}
    assert widths == {"text": 768, "audio": WIDTHS[name][0], "video": WIDTHS[name][1]}
    check_dataset(dataset_of(corpus))


def test_other_widths_are_a_corpus_of_their_own(tmp_path: Path) -> None:
    what = content()
    for columns in what.values():
        columns["audio"] = columns["audio"][:, :, :4]
    corpus = recognise(write(tmp_path / "a.pkl", what))
    assert corpus.name == "mmsa"
    assert corpus.features["audio"].shape[1] == 4


def test_videos_are_conversations_in_the_order_of_the_clips(path: Path) -> None:
    dataset = dataset_of(recognise(path))
    by_id = {c.id: c for c in (*dataset.train, *dataset.validation, *(dataset.test or ()))}
    assert [c.id for c in dataset.train] == ["v$_1", "w"]
    assert by_id["v$_1"].utterance_ids == ("v$_1$_$1", "v$_1$_$2", "v$_1$_$10")
    assert by_id["v$_1"].labels.tolist() == [1, 0, 2]
    assert by_id["y"].utterance_ids == ("y$_$0", "y$_$1")
    assert {c.id for c in dataset.validation} == {"x"}
    assert dataset.label_names == ("negative", "neutral", "positive")


def test_the_sign_of_the_score_is_the_second_task(path: Path) -> None:
    dataset = dataset_of(recognise(path), "sentiment2")
    assert dataset.label_names == ("negative", "positive")
    assert dataset.train[0].labels.tolist() == [-1, 0, 1]


@pytest.mark.parametrize(("scale", "tasks"), [(1.0, 3), (0.3, 2)])
def test_scores_beyond_one_have_seven_steps(tmp_path: Path, scale: float, tasks: int) -> None:
    what = content()
    for columns in what.values():
        columns["regression_labels"] = columns["regression_labels"] * scale
    corpus = recognise(write(tmp_path / "a.pkl", what))
    assert list(corpus.tasks) == ["sentiment3", "sentiment2", "sentiment7"][:tasks]


def test_classification_labels_stand_in_for_words(tmp_path: Path, path: Path) -> None:
    what = content()
    for columns in what.values():
        del columns["annotations"]
    other = recognise(write(tmp_path / "other" / "a.pkl", what))
    assert other.table.equals(recognise(path).table)


@pytest.mark.parametrize("aligned", [False, True])
def test_features_are_means_over_valid_steps(tmp_path: Path, aligned: bool) -> None:
    what = content(aligned=aligned)
    # Whatever padding holds must not count.
    if not aligned:
        for columns in what.values():
            for name, steps in STEPS.items():
                lengths = columns.get(f"{name}_lengths", columns["text_bert"][:, 1].sum(axis=1))
                columns[name][np.arange(steps) >= np.array(lengths)[:, None]] = np.nan
    corpus = recognise(write(tmp_path / "a.pkl", what))
    for columns in what.values():
        for number, utterance in enumerate(columns["id"]):
            row = row_of(corpus, utterance)
            for column, modality in {"text": "text", "audio": "audio", "vision": "video"}.items():
                present = [
                    step.astype(float)
                    for step in columns[column][number]
                    if step.any() and not np.isnan(step).any()
                ]
                expected = np.mean(present, axis=0)
                np.testing.assert_allclose(corpus.features[modality][row], expected, atol=1e-6)


def test_minus_infinity_in_audio_counts_as_zero(tmp_path: Path) -> None:
    what = content()
    what["train"]["audio_lengths"][0] = 3
    what["train"]["audio"][0, :3, 2] = (3.0, -np.inf, 6.0)
    corpus = recognise(write(tmp_path / "a.pkl", what))
    assert corpus.features["audio"][row_of(corpus, "v$_1$_$10"), 2] == pytest.approx(3.0)


def test_an_utterance_without_steps_is_zero_and_noted(tmp_path: Path) -> None:
    what = content()
    what["test"]["vision_lengths"][1] = 0
    corpus = recognise(write(tmp_path / "a.pkl", what))
    assert not corpus.features["video"][row_of(corpus, "y$_$0")].any()
    assert any("1 utterances have no valid step of video" in note for note in corpus.notes)


def test_a_video_in_two_splits_is_a_conversation_in_each(tmp_path: Path) -> None:
    what = content("sims")
    what["test"]["id"][2] = "w$_$7"
    corpus = recognise(write(tmp_path / "a.pkl", what))
    assert {"w (train)", "w (test)"} <= set(corpus.table["conversation"])
    assert any("1 videos have clips in more than one split" in note for note in corpus.notes)
    check_dataset(dataset_of(corpus))


def test_another_size_than_the_usual_is_noted(path: Path) -> None:
    assert any("has 5 utterances, usual: 1284" in note for note in recognise(path).notes)


def test_without_text_features_the_words_are_there(tmp_path: Path) -> None:
    what = content()
    for columns in what.values():
        del columns["text"]
    corpus = recognise(write(tmp_path / "a.pkl", what))
    assert set(corpus.features) == {"audio", "video"}
    assert corpus.table["text"][0] == "words of 1"


def test_by_its_name_in_the_catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSLCL_CACHE", str(tmp_path / "cache"))
    write(tmp_path / "mosei" / "a.pkl", content("mosei"))
    dataset = load_dataset("mosei", {"task": "sentiment2"}, tmp_path)
    assert dataset.name == "mosei"
    write(tmp_path / "sims" / "a.pkl", content("mosei"))
    with pytest.raises(InputError, match="holds the corpus 'mosei', expected 'sims'"):
        load_dataset("sims", {}, tmp_path)


Damage = Callable[[Content], object]


def put(split: str, column: str, at: object, value: object) -> Damage:
    def damage(what: Content) -> None:
        what[split][column][at] = value

    return damage


def drop_row(what: Content) -> None:
    what["valid"]["audio"] = what["valid"]["audio"][:-1]


def swap(what: Content) -> None:
    for columns in what.values():
        columns["audio"], columns["vision"] = columns["vision"], columns["audio"]
        columns["audio_lengths"], columns["vision_lengths"] = (
            columns["vision_lengths"],
            columns["audio_lengths"],
        )


def narrow(what: Content) -> None:
    what["test"]["vision"] = what["test"]["vision"][:, :, 1:]


def flat(what: Content) -> None:
    what["train"]["audio"] = what["train"]["audio"][:, 0]


def words(what: Content) -> None:
    what["train"]["audio"] = what["train"]["audio"].astype(str)


def other_mask(what: Content) -> None:
    what["train"]["text_bert"] = what["train"]["text_bert"][:, :, 1:]


DAMAGES: dict[str, tuple[Damage, str]] = {
    "row missing": (drop_row, "split 'validation': 'audio' has 1 entries, expected 2"),
    "modalities swapped": (swap, "audio has width 20 and vision 5, expected the other way round"),
    "width differs": (narrow, "'vision' has widths 20, 20, 19"),
    "dimension missing": (flat, "'audio' is float32 of shape (5, 5), expected numbers in 3"),
    "not numbers": (words, "expected numbers in 3 dimensions"),
    "mask of another length": (other_mask, "'text_bert' has shape (5, 3, 5), expected (5, 3, 6)"),
    "nan": (put("train", "vision", (1, 0, 3), np.nan), "'vision' of 'v$_1$_$2' is not finite"),
    "infinite": (put("train", "audio", (1, 0, 3), np.inf), "'audio' of 'v$_1$_$2' is not finite"),
    "score": (put("test", "regression_labels", 2, np.nan), "the score of 'z$_$7' is not finite"),
    "word": (put("test", "annotations", 2, "Negatif"), "did you mean 'negative'"),
    "id": (put("test", "id", 2, "z_7"), "id is 'z_7', expected video$_$clip"),
    "id twice": (put("test", "id", 1, "y$_$1"), "utterance id 'y$_$1' is there twice"),
    "no scores": (lambda what: what["train"].pop("regression_labels"), "no column 'regression_"),
    "uneven": (put("train", "vision_lengths", 0, [1, 2]), "'vision_lengths' has rows of unequal"),
    "no ids": (put("train", "id", slice(None), []), "'id' is not a list of ids"),
}


@pytest.mark.parametrize("case", DAMAGES)
def test_damage_is_told_in_one_line(tmp_path: Path, case: str) -> None:
    damage, expected = DAMAGES[case]
    what = content()
    damage(what)
    with pytest.raises(InputError) as raised:
        check_dataset(dataset_of(recognise(write(tmp_path / "a.pkl", what))))
    message = str(raised.value)
    assert expected in message
    assert "\n" not in message


def test_two_pickles_are_not_mixed(path: Path) -> None:
    write(path.with_name("second.pkl"), content(aligned=True))
    with pytest.raises(InputError, match="give the path of one of them"):
        recognise(path.parent)


@settings(max_examples=40)
@given(data=st.data())
def test_a_row_too_few_in_any_column_is_told(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    what = content()
    split = data.draw(st.sampled_from(sorted(what)))
    used = set(what[split]) - {"classification_labels"}  # The annotations go before them.
    column = data.draw(st.sampled_from(sorted(used)))
    what[split][column] = what[split][column][:-1]
    with pytest.raises(InputError, match="entries, expected") as raised:
        recognise(write(tmp_path_factory.mktemp("few") / "a.pkl", what))
    assert "\n" not in str(raised.value)


@settings(max_examples=40)
@given(data=st.data())
def test_a_nan_in_any_valid_step_is_told(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    what = content()
    split = data.draw(st.sampled_from(sorted(what)))
    column = data.draw(st.sampled_from(sorted(STEPS)))
    row = data.draw(st.integers(0, len(what[split]["id"]) - 1))
    at = data.draw(st.integers(0, what[split][column].shape[2] - 1))
    what[split][column][row, 0, at] = np.nan
    with pytest.raises(InputError) as raised:
        recognise(write(tmp_path_factory.mktemp("nan") / "a.pkl", what))
    assert f"'{column}' of '{what[split]['id'][row]}' is not finite" in str(raised.value)


@settings(max_examples=10)
@given(share=st.floats(0, 0.999))
def test_a_pickle_cut_short_is_one_line(
    tmp_path_factory: pytest.TempPathFactory, share: float
) -> None:
    path = write(tmp_path_factory.mktemp("cut") / "a.pkl", content())
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(InputError) as raised:
        PathContents(path).pickles  # noqa: B018
    assert "\n" not in str(raised.value)
