"""MOSI: what the release holds, and what is said of files that do not hold it."""

import csv
import hashlib
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from numpy.typing import NDArray

from sslcl.data import load_dataset
from sslcl.data.commands.check import main as check
from sslcl.data.datasets import mosi
from sslcl.data.folds import fold_warnings, with_folds
from sslcl.data.formats import format_of, recognise
from sslcl.data.formats.tables.poria_mosi import WIDTHS, validation_videos
from sslcl.data.reading.path_contents import PathContents
from sslcl.errors import InputError

from ..writers.poria_mosi import Rows
from ..writers.poria_mosi import write as write_release
from ..writers.poria_mosi import write_rows as write


def read(path: Path) -> Rows:
    with path.open(newline="") as file:
        return list(csv.reader(file))


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A data folder with four little videos in MOSI's layout."""
    write_release(tmp_path / "mosi")
    return tmp_path


class TestByPath:
    """The same files given as a path."""

    def test_it_is_the_dataset_of_the_name(self, small: Path) -> None:
        assert format_of(PathContents(small / "mosi")).name == "poria_mosi"
        named = load_dataset("mosi", data_dir=small)
        by_path = load_dataset("path", {"path": str(small)})
        assert (by_path.name, by_path.modalities) == (named.name, named.modalities)
        splits = ("train", "validation", "test")
        for one, other in zip(
            (c for split in splits for c in getattr(named, split)),
            (c for split in splits for c in getattr(by_path, split)),
            strict=True,
        ):
            assert (one.id, one.utterance_ids) == (other.id, other.utterance_ids)
            assert one.labels.tolist() == other.labels.tolist()
            assert all(torch.equal(x, other.features[m]) for m, x in one.features.items())

    def test_a_missing_file_is_no_such_corpus(self, small: Path) -> None:
        (small / "mosi" / "text_test.csv").unlink()
        with pytest.raises(InputError, match="no known format"):
            recognise(small)

    def test_check_knows_the_release(self, data_dir: Path, tmp_path: Path) -> None:
        picture = str(tmp_path / "a.png")
        shown = CliRunner().invoke(check, [str(data_dir / "mosi"), "--out", picture])
        assert shown.exit_code == 0, shown.output
        assert shown.output.startswith("mosi, in the format 'poria_mosi'")
        assert "licence: none stated" in shown.output


class TestRelease:
    def test_counts_of_the_release(self, data_dir: Path) -> None:
        dataset = load_dataset("mosi", data_dir=data_dir)
        assert dataset.test is not None
        assert len(dataset.train) + len(dataset.validation) == 62
        assert sum(len(c) for c in (*dataset.train, *dataset.validation)) == 1447
        assert len(dataset.test) == 31
        assert sum(len(c) for c in dataset.test) == 752
        assert len(dataset.validation) == 12
        assert dataset.modalities == {"text": 100, "audio": 73, "video": 100}
        assert dataset.label_names == ("negative", "positive")

    def test_validation_has_a_sane_balance(self, data_dir: Path) -> None:
        dataset = load_dataset("mosi", data_dir=data_dir)
        train, validation = (
            torch.cat([c.labels for c in split]).double().mean()
            for split in (dataset.train, dataset.validation)
        )
        assert abs(train - validation) < 0.1

    def test_one_utterance_read_by_hand(self, data_dir: Path) -> None:
        folder = data_dir / "mosi"
        transcripts = read(folder / "transcripts.csv")
        row = 100
        name = transcripts[int(read(folder / "text_test.csv")[row][0])][0]
        dataset = load_dataset("mosi", data_dir=data_dir)
        assert dataset.test is not None
        (video,) = [c for c in dataset.test if name in c.utterance_ids]
        at = video.utterance_ids.index(name)
        for modality in WIDTHS:
            cells = read(folder / modality / f"{modality}_test0.csv")[row]
            assert video.features[modality][at].tolist() == pytest.approx(
                [float(x) for x in cells[:-1]], rel=1e-6
            )
            assert int(video.labels[at]) == int(cells[-1])

    @pytest.mark.parametrize(
        "name",
        ["text_train.csv", "audio/audio_train0.csv", "video/video_test0.csv", "transcripts.csv"],
    )
    @pytest.mark.parametrize("share", [0.4, 0.9999])
    def test_a_copy_cut_short_is_refused_by_name(
        self, data_dir: Path, tmp_path: Path, name: str, share: float
    ) -> None:
        shutil.copytree(data_dir / "mosi", tmp_path / "mosi", copy_function=shutil.copyfile)
        victim = tmp_path / "mosi" / name
        (tmp_path / "mosi").chmod(0o755)
        victim.parent.chmod(0o755)
        content = victim.read_bytes()
        victim.write_bytes(content[: int(len(content) * share)])
        with pytest.raises(InputError, match=victim.name):
            load_dataset("mosi", data_dir=tmp_path)


class TestEncodedTranscripts:
    """Transcripts by a frozen encoder take the place of features that labels have taught."""

    @pytest.fixture(autouse=True)
    def counted(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """An encoder that knows texts by their order alone."""

        def encode(texts: Sequence[str], encoder: str) -> NDArray[np.float32]:
            assert (set(texts), encoder) == ({"WELL, I LIKED IT"}, "counter")
            return np.arange(len(texts), dtype=np.float32)[:, None]

        monkeypatch.setattr(mosi, "encode_texts", encode)

    def test_stand_for_the_text_of_every_utterance_and_video_is_left_out(self, small: Path) -> None:
        released = load_dataset("mosi", data_dir=small)
        encoded = load_dataset("mosi", {"encoder": "counter"}, data_dir=small)
        assert encoded.modalities == {"text": 1, "audio": 73}
        assert encoded.fingerprint != released.fingerprint
        numbers = []
        for split in ("train", "validation", "test"):
            pairs = zip(getattr(encoded, split), getattr(released, split), strict=True)
            for one, other in pairs:
                assert (one.id, one.utterance_ids) == (other.id, other.utterance_ids)
                assert torch.equal(one.features["audio"], other.features["audio"])
                numbers += one.features["text"][:, 0].tolist()
        assert sorted(numbers) == list(range(len(numbers)))

    def test_can_be_divided_into_folds_without_the_warning_that_released_features_get(
        self, small: Path
    ) -> None:
        released = with_folds(load_dataset("mosi", data_dir=small), "2")
        encoded = with_folds(load_dataset("mosi", {"encoder": "counter"}, data_dir=small), "2")
        assert fold_warnings(encoded) == []
        (warning,) = fold_warnings(released)
        assert "own training labels" in warning


class TestLayout:
    def test_conversations_are_videos_in_the_order_of_the_numbers(self, small: Path) -> None:
        dataset = load_dataset("mosi", data_dir=small)
        everything = {c.id: c for c in (*dataset.train, *dataset.validation)}
        assert set(everything) == {"a_1", "b", "c"}
        assert everything["a_1"].utterance_ids == ("a_1_1", "a_1_2", "a_1_10")
        assert everything["a_1"].labels.tolist() == [1, 0, 0]
        assert everything["a_1"].speakers.tolist() == [0, 0, 0]
        source = read(small / "mosi" / "audio" / "audio_train0.csv")
        assert everything["a_1"].features["audio"][2].tolist() == pytest.approx(
            [float(x) for x in source[1][:-1]], rel=1e-6
        )

    def test_the_order_of_the_rows_does_not_matter(self, small: Path) -> None:
        before = load_dataset("mosi", data_dir=small).fingerprint
        for name in ("text_train.csv", *(f"{m}/{m}_train0.csv" for m in WIDTHS)):
            write(small / "mosi" / name, read(small / "mosi" / name)[::-1])
        assert load_dataset("mosi", data_dir=small).fingerprint == before


def test_validation_is_the_fifth_with_the_smallest_hashes() -> None:
    videos = [f"video{i}" for i in range(62)]
    chosen = validation_videos(videos)
    assert len(chosen) == 12
    assert chosen == validation_videos(videos[::-1])

    def digest(video: str) -> str:
        return hashlib.sha256(video.encode()).hexdigest()

    assert max(map(digest, chosen)) < min(digest(v) for v in videos if v not in chosen)


def set_cell(name: str, row: int, column: int, value: str) -> Callable[[Path], object]:
    def damage(folder: Path) -> None:
        rows = read(folder / name)
        rows[row][column] = value
        write(folder / name, rows)

    return damage


def drop_rows(name: str, keep: int) -> Callable[[Path], object]:
    def damage(folder: Path) -> None:
        write(folder / name, read(folder / name)[:keep])

    return damage


def drop_cell(name: str, row: int) -> Callable[[Path], object]:
    def damage(folder: Path) -> None:
        rows = read(folder / name)
        del rows[row][5]
        write(folder / name, rows)

    return damage


def drop_column(name: str) -> Callable[[Path], object]:
    return lambda folder: write(folder / name, [row[1:] for row in read(folder / name)])


def cut(name: str, lost: int) -> Callable[[Path], object]:
    def damage(folder: Path) -> None:
        (folder / name).write_bytes((folder / name).read_bytes()[:-lost])

    return damage


def remove(name: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).unlink()


def blank(name: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes(b"")


def binary(name: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes(b"\xff\xfe\x00\x80" * 40)


def both_splits(folder: Path) -> None:
    set_cell("transcripts.csv", 7, 0, "b_9")(folder)


AUDIO, VIDEO, TEXT = "audio/audio_train0.csv", "video/video_test0.csv", "text/text_train0.csv"
DAMAGES: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "file missing": (remove(VIDEO), "video_test0.csv", "is missing"),
    "transcripts missing": (remove("transcripts.csv"), "transcripts.csv", "is missing"),
    "file empty": (blank(AUDIO), "audio_train0.csv", "is empty"),
    "transcripts empty": (blank("transcripts.csv"), "transcripts.csv", "is empty"),
    "not text": (binary(AUDIO), "audio_train0.csv", "not a complete CSV file"),
    "rows missing": (drop_rows(AUDIO, 4), "audio_train0.csv", "has 4 rows, expected 6"),
    "index rows missing": (drop_rows("text_train.csv", 4), "text_train.csv", "expected 4"),
    "cut in a cell": (cut(AUDIO, 6), "audio_train0.csv", "not a complete CSV file"),
    "cut in the last row": (cut(TEXT, 40), "text_train0.csv", "not a complete CSV file"),
    "cell missing": (drop_cell(AUDIO, 2), "audio_train0.csv", "row 3: has 73 columns, expected 74"),
    "column missing": (drop_column(AUDIO), "audio_train0.csv", "has 73 columns, expected 74"),
    "label outside": (set_cell(AUDIO, 1, -1, "2"), "audio_train0.csv", "row 2: label is 2"),
    "label differs": (set_cell(AUDIO, 1, -1, "1"), "audio_train0.csv", "as transcripts.csv"),
    "transcript label": (set_cell("transcripts.csv", 3, 3, "2"), "transcripts.csv", "row 4"),
    "word": (set_cell(VIDEO, 1, 7, "high"), "video_test0.csv", "row 2, column 8: is 'high'"),
    "empty cell": (set_cell(VIDEO, 1, 7, ""), "video_test0.csv", "row 2, column 8: is ''"),
    "nan": (set_cell(TEXT, 0, 2, "nan"), "text_train0.csv", "row 1, column 3: is 'nan'"),
    "infinite": (set_cell(TEXT, 0, 2, "inf"), "text_train0.csv", "row 1, column 3: is 'inf'"),
    "index too high": (
        set_cell("text_train.csv", 2, 0, "8"),
        "text_train.csv",
        "row 3: index is 8",
    ),
    "index negative": (set_cell("text_train.csv", 2, 0, "-1"), "text_train.csv", "0 to 7"),
    "index a fraction": (set_cell("text_train.csv", 2, 0, "1.5"), "text_train.csv", "is 1.5"),
    "index twice": (set_cell("text_train.csv", 2, 0, "0"), "text_train.csv", "also in row 1"),
    "other order": (set_cell("text_train.csv", 3, 9, "99"), "text_train.csv", "row 4: text"),
    "id": (set_cell("transcripts.csv", 0, 0, "video"), "transcripts.csv", "VIDEO_NUMBER"),
    "video in both": (both_splits, "text_test.csv", "video 'b' is also in text_train.csv"),
}


@pytest.mark.parametrize("case", DAMAGES)
def test_damage_is_told_in_one_line_that_names_the_file(small: Path, case: str) -> None:
    damage, file, words = DAMAGES[case]
    damage(small / "mosi")
    with pytest.raises(InputError) as raised:
        load_dataset("mosi", data_dir=small)
    message = str(raised.value)
    assert file in message
    assert words in message
    assert "\n" not in message


def test_the_same_utterance_id_twice_is_refused(small: Path) -> None:
    set_cell("transcripts.csv", 1, 0, "a_1_1")(small / "mosi")
    with pytest.raises(InputError, match="conversation 'a_1': utterance id 'a_1_1' is there twice"):
        load_dataset("mosi", data_dir=small)


def test_without_a_folder_it_says_how_to_give_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("SSLCL_DATA", raising=False)
    for folder in (None, tmp_path, tmp_path / "nowhere"):
        with pytest.raises(InputError, match="--data-dir or SSLCL_DATA"):
            load_dataset("mosi", data_dir=folder)
