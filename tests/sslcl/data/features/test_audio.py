"""Clips beside a corpus become the modality audio, or a note says what is missing."""

import math
import shutil
from pathlib import Path

import numpy as np
import pytest

from sslcl.data.corpus import Corpus
from sslcl.data.features import audio as _audio
from sslcl.data.formats import recognise
from sslcl.data.reading.tools import audio_tools

from ..writers import emorynlp_csv, meld_csv
from ..writers.clips import write_tone

needs_opensmile = pytest.mark.skipif(
    not audio_tools()["opensmile"], reason="the extra 'audio' is not installed"
)
F0 = 0
"""Column of the mean F0, in semitones from 27.5 Hz."""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SSLCL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One training dialogue, and one each to validate and test."""
    folder = tmp_path / "meld"
    for split, numbers in (("train", 3), ("validation", 1), ("test", 1)):
        rows = [{**meld_csv.rows(1)[0], "Utterance_ID": str(i)} for i in range(numbers)]
        meld_csv.write_file(folder / meld_csv.FILES[split], rows)
    return folder


def audio_notes(corpus: Corpus) -> list[str]:
    return [note for note in corpus.notes if "clip" in note]


@needs_opensmile
class TestClips:
    def test_mean_pitch_is_that_of_the_tone(self, tmp_path: Path) -> None:
        tones = (110, 220, 440)
        clips = [write_tone(tmp_path / f"{hertz}.wav", hertz) for hertz in tones]
        found = _audio.egemaps(clips)
        assert found.shape == (3, _audio.WIDTH)
        assert found.dtype == np.float32
        expected = [12 * math.log2(hertz / 27.5) for hertz in tones]
        assert found[:, F0] == pytest.approx(expected, abs=0.5)

    def test_channels_are_averaged(self, tmp_path: Path) -> None:
        one = write_tone(tmp_path / "1.wav", 220)
        two = write_tone(tmp_path / "2.wav", 220, channels=2)
        first, second = _audio.egemaps([one, two])
        assert first == pytest.approx(second, rel=1e-4, abs=1e-4)

    def test_they_are_computed_once(
        self, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        clip = write_tone(tmp_path / "a.wav", 220)
        before = _audio.egemaps([clip])
        monkeypatch.setattr(_audio, "read_clip", lambda path: pytest.fail("computed again"))
        assert np.array_equal(_audio.egemaps([clip]), before)
        monkeypatch.undo()
        monkeypatch.setenv("SSLCL_CACHE", str(cache))
        (kept,) = cache.rglob("*.npy")
        kept.write_bytes(kept.read_bytes()[:50])
        assert np.array_equal(_audio.egemaps([clip]), before)

    def test_a_changed_clip_is_computed_again(self, tmp_path: Path) -> None:
        before = _audio.egemaps([write_tone(tmp_path / "a.wav", 110)])
        after = _audio.egemaps([write_tone(tmp_path / "a.wav", 440, seconds=0.7)])
        assert after[0, F0] > before[0, F0] + 10

    def test_clips_of_meld_go_to_the_utterances_of_their_split(self, folder: Path) -> None:
        tones = {
            "train_splits/dia0_utt0": 110,
            "train_splits/dia0_utt1": 220,
            "train_splits/dia0_utt2": 330,
            "dev_splits_complete/dia0_utt0": 165,
            "output_repeated_splits_test/dia0_utt0": 440,
        }
        for name, hertz in tones.items():
            write_tone(folder / f"{name}.wav", hertz)
        (folder / "train_splits" / "._dia0_utt0.wav").write_bytes(b"of a file manager")
        write_tone(folder / "train_splits" / "final_videos_testdia0_utt0.wav", 500)
        corpus = recognise(folder)
        expected = [12 * math.log2(hertz / 27.5) for hertz in tones.values()]
        assert corpus.features["audio"][:, F0] == pytest.approx(expected, abs=0.5)
        assert audio_notes(corpus) == [
            "1 sound or video files are clips of no utterance by their names; not used"
        ]

    def test_missing_and_damaged_clips_get_the_training_mean(self, folder: Path) -> None:
        write_tone(folder / "train" / "dia0_utt0.wav", 110)
        write_tone(folder / "train" / "dia0_utt1.wav", 220)
        write_tone(folder / "test" / "dia0_utt0.wav", 440)
        (folder / "train" / "dia0_utt2.wav").write_bytes(b"RIFF, but no more")
        write_tone(folder / "dev" / "dia0_utt0.wav", 440, seconds=0.01)
        corpus = recognise(folder)
        audio = corpus.features["audio"]
        mean = audio[:2].mean(axis=0)
        assert audio[2] == pytest.approx(mean)
        assert audio[3] == pytest.approx(mean)
        assert audio_notes(corpus) == [
            "audio: 2 utterances have a clip that cannot be used; the mean over the training clips "
            "instead"
        ]
        (folder / "train" / "dia0_utt2.wav").unlink()
        assert audio_notes(recognise(folder))[0] == (
            "audio: 1 utterances have no clip; the mean over the training clips instead"
        )

    def test_without_a_training_clip_it_is_zeros(self, folder: Path) -> None:
        write_tone(folder / "test" / "dia0_utt0.wav", 440)
        corpus = recognise(folder)
        assert (corpus.features["audio"][:4] == 0).all()
        assert audio_notes(corpus) == ["audio: 4 utterances have no clip; zeros instead"]

    def test_clips_of_emorynlp(self, tmp_path: Path) -> None:
        emorynlp_csv.write(tmp_path / "emory", {"train": 1, "validation": 1, "test": 1})
        write_tone(tmp_path / "emory" / "clips" / "sea1_ep15_sc01_utt1.wav", 220)
        corpus = recognise(tmp_path / "emory")
        at = corpus.table["utterance"].tolist().index("sea1_ep15_sc1_utt1")
        assert corpus.features["audio"][at, F0] == pytest.approx(36, abs=0.5)

    def test_a_sound_file_goes_before_the_video_it_is_from(self, folder: Path) -> None:
        write_tone(folder / "train" / "dia0_utt0.wav", 220)
        (folder / "train" / "dia0_utt0.mp4").write_bytes(b"not read")
        assert recognise(folder).features["audio"][0, F0] == pytest.approx(36, abs=0.5)

    def test_videos_without_ffmpeg_leave_a_note(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (folder / "train").mkdir()
        (folder / "train" / "dia0_utt0.mp4").write_bytes(b"not read")
        monkeypatch.setenv("PATH", "")
        corpus = recognise(folder)
        assert "audio" not in corpus.features
        assert audio_notes(corpus) == [
            "1 clips are not used: install ffmpeg, or convert them to wav"
        ]

    @pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
    def test_a_damaged_video_is_counted(self, folder: Path) -> None:
        (folder / "train").mkdir()
        (folder / "train" / "dia0_utt0.mp4").write_bytes(b"no video")
        assert "1 utterances have a clip that cannot be used" in audio_notes(recognise(folder))[1]


def test_without_the_extra_a_note_says_how_to_get_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_tone(folder / "train" / "dia0_utt0.wav", 220)
    nothing = {"opensmile": False, "ffmpeg": False}
    monkeypatch.setattr(_audio, "audio_tools", lambda: nothing)
    corpus = recognise(folder)
    assert tuple(corpus.features) == ("timing",)
    assert audio_notes(corpus) == [
        "1 clips are not used: install the extra 'audio' (pip install 'sslcl-studies[audio]')"
    ]


def test_clips_must_lie_in_a_folder_named_for_their_split(tmp_path: Path) -> None:
    folder = tmp_path / "test"
    meld_csv.write(folder)
    write_tone(folder / "dia0_utt0.wav", 220)
    corpus = recognise(folder)
    assert "audio" not in corpus.features
    assert audio_notes(corpus) == [
        "1 sound or video files are clips of no utterance by their names; not used"
    ]


def test_without_clips_nothing_is_said(folder: Path) -> None:
    assert audio_notes(recognise(folder)) == []
