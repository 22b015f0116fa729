"""The modality ``audio``: eGeMAPS functionals of an utterance's clip, by openSMILE.

The 88 functionals of eGeMAPSv02 (Eyben et al., IEEE Transactions on Affective Computing 2016): F0,
jitter, formants, shimmer, loudness, harmonics, spectral slopes and MFCC 1 to 4, each over the whole
clip, its channels averaged. A clip that is missing, cannot be read or is too short for them gets
the mean over the training clips, and the notes count it.

Needs the extra ``audio``; clips inside videos need the program ``ffmpeg`` besides. Without them the
corpus is read without audio, and a note says what to install.
"""

import hashlib
import json
import os
import subprocess
import warnings
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from sslcl.data.corpus import Corpus
from sslcl.data.loading.cache import cache_folder, open_array, save_array
from sslcl.data.reading.path_contents import PathContents
from sslcl.data.reading.tools import audio_tools

WIDTH = 88
SOUNDS = (".wav", ".flac", ".ogg", ".mp3", ".aiff")
"""Read directly; preferred where a clip is there in several forms."""
VIDEOS = (".mp4", ".m4a", ".mkv", ".avi", ".mov", ".webm")
"""Read through ffmpeg."""
_RATE = 16000
_BLOCK = 512

Signal = NDArray[np.float32]


def with_audio(
    corpus: Corpus, contents: PathContents, name: Callable[[Path], str | None]
) -> Corpus:
    """The corpus with the modality ``audio``, or with a note that says what it needs.

    Args:
        corpus: with utterance ids that are unique within it; stays as it is without clips.
        contents: the files of the dataset; hidden ones are passed over.
        name: the utterance that a path, relative to the dataset's folder, is a clip of; ``None``
            when it is none.
    """
    clips, notes = _clips(corpus, contents, name)
    paths = [clips.get(utterance) for utterance in corpus.table["utterance"]]
    there = [path for path in paths if path is not None]
    lacking = _lacking(there)
    if not there or lacking:
        notes += [f"{len(there)} clips are not used: {lacking}"] if there else []
        return replace(corpus, notes=(*corpus.notes, *notes))
    values = dict(zip(there, egemaps(there), strict=True))
    nothing = np.full(WIDTH, np.nan, dtype=np.float32)
    rows = np.stack([nothing if path is None else values[path] for path in paths])
    audio, more = _filled(rows, np.array([path is None for path in paths]), corpus)
    features = {**corpus.features, "audio": audio}
    return replace(corpus, features=features, notes=(*corpus.notes, *notes, *more))


def _clips(
    corpus: Corpus, contents: PathContents, name: Callable[[Path], str | None]
) -> tuple[dict[str, Path], list[str]]:
    """Clips by utterance, and a note on those that are of none."""
    known = set(corpus.table["utterance"])
    clips: dict[str, Path] = {}
    strange = 0
    for path in (path for suffix in (*SOUNDS, *VIDEOS) for path in contents.of(suffix)):
        if path.name.startswith("."):
            continue
        utterance = name(path.relative_to(contents.path))
        if utterance in known:
            clips.setdefault(str(utterance), path)
        else:
            strange += 1
    note = f"{strange} sound or video files are clips of no utterance by their names; not used"
    return clips, [note] if strange else []


def egemaps(paths: Sequence[Path]) -> NDArray[np.float32]:
    """Functionals of each clip, ``(N, 88)``, NaN throughout where there are none.

    Computed once: blocks of clips are kept in the cache by path, size and time of change, so that
    an interrupted run goes on where it was.
    """
    blocks = [paths[i : i + _BLOCK] for i in range(0, len(paths), _BLOCK)]
    shown = track(blocks, description="audio", disable=len(blocks) == 1, transient=True)
    return np.concatenate([_cached(block) for block in shown])


def _lacking(paths: Iterable[Path]) -> str:
    """What must be installed before these can be read; empty when nothing."""
    tools = audio_tools()
    if not tools["opensmile"]:
        return "install the extra 'audio' (pip install 'sslcl-studies[audio]')"
    if not tools["ffmpeg"] and all(path.suffix.lower() in VIDEOS for path in paths):
        return "install ffmpeg, or convert them to wav"
    return ""


def _cached(paths: Sequence[Path]) -> NDArray[np.float32]:
    file = cache_folder() / "audio" / f"{_key(paths)}.npy"
    cached = open_array(file)
    if cached is not None and cached.shape == (len(paths), WIDTH):
        return cached
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        values = np.stack(list(pool.map(_functionals, paths)))
    save_array(file, values)
    return values


def _key(paths: Sequence[Path]) -> str:
    import opensmile

    stats = [(str(p.resolve()), p.stat().st_size, p.stat().st_mtime_ns) for p in paths]
    text = json.dumps([stats, opensmile.__version__, audio_tools()])
    return hashlib.sha256(text.encode()).hexdigest()


def _functionals(path: Path) -> NDArray[np.float32]:
    import opensmile

    smile = opensmile.Smile(
        feature_set=opensmile.FeatureSet.eGeMAPSv02,
        feature_level=opensmile.FeatureLevel.Functionals,
    )
    try:
        signal, rate = read_clip(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Too short a clip is counted in the notes.
            values = smile.process_signal(signal, rate).to_numpy(dtype=np.float32)[0]
    except (OSError, RuntimeError, ValueError):
        return np.full(WIDTH, np.nan, dtype=np.float32)
    return values if np.isfinite(values).all() else np.full_like(values, np.nan)


def read_clip(path: Path) -> tuple[Signal, int]:
    """Samples of a clip in -1 to 1, its channels averaged, and samples per second.

    Raises:
        OSError: when it cannot be read, or RuntimeError for a damaged file.
    """
    import soundfile

    if path.suffix.lower() in SOUNDS:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
        return samples.mean(axis=1, dtype=np.float32), int(rate)
    command = ["ffmpeg", "-v", "error", "-nostdin", "-i", str(path), "-vn"]
    command += ["-ac", "1", "-ar", str(_RATE), "-f", "s16le", "-"]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        raise OSError(f"ffmpeg cannot read {path}")
    return np.frombuffer(done.stdout, dtype="<i2").astype(np.float32) / np.float32(32768), _RATE


def _filled(
    rows: NDArray[np.float32], absent: NDArray[np.bool_], corpus: Corpus
) -> tuple[NDArray[np.float32], list[str]]:
    """Rows without values given the training mean, zeros where there is none; and notes."""
    unknown = np.asarray(np.isnan(rows).any(axis=1))
    training = (corpus.table["split"] == "train").to_numpy(dtype=bool) & ~unknown
    mean = rows[training].mean(axis=0) if training.any() else np.zeros(WIDTH, dtype=np.float32)
    counts: dict[str, NDArray[np.bool_]] = {
        "have no clip": absent,
        "have a clip that cannot be used": unknown & ~absent,
    }
    what = "the mean over the training clips" if training.any() else "zeros"
    notes = [
        f"audio: {int(affected.sum())} utterances {words}; {what} instead"
        for words, affected in counts.items()
        if affected.any()
    ]
    return np.where(unknown[:, None], mean, rows).astype(np.float32), notes
