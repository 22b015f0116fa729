"""Features of texts by a frozen encoder, computed once and mapped from a cache afterwards."""

import hashlib
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from sslcl.data.features.text_encoders import DEFAULT_ENCODER, Encoder, find_encoder
from sslcl.data.loading.cache import cache_folder, open_array, save_array
from sslcl.errors import InputError

VERSION = 1
"""Raised whenever the same model would give other features, so that old ones are left alone."""

BATCH_SIZE = 64
DECIMALS = 5
QUIET_SECONDS = 2.0
"""A progress bar appears when encoding has taken this long."""


def encode_texts(
    texts: Sequence[str], encoder: str = DEFAULT_ENCODER, *, progress: bool = True
) -> NDArray[np.float32]:
    """Features of ``texts``, from the cache where they have been computed before.

    The model computes in double precision and the result is rounded to five decimals, so that
    features do not depend on threads, batches or, but for rare last digits, on the machine.

    Args:
        texts: N texts; one without any visible character gets zeros.
        encoder: ``all-MiniLM-L6-v2``, which needs no network; a folder with a
            sentence-transformers or Hugging Face model; or a Hugging Face name. A pooling may
            follow a colon: ``all-MiniLM-L6-v2:layers3-6`` (see :class:`Encoder`).
        progress: show a bar on stderr when it takes long.

    Returns:
        ``(N, width)``, read-only and memory-mapped.

    Raises:
        InputError: when there are no texts, the encoder cannot be found or loaded, or the cache
            cannot be written.
    """
    if not texts:
        raise InputError("there are no texts to encode")
    found = find_encoder(encoder)
    path = _place(texts, found)
    features = open_array(path)
    if features is None:
        save_array(path, _encode(texts, found, progress))
        features = open_array(path)
    if features is None:
        raise InputError(f"the cache file {path} cannot be read back after it was written")
    return features


def _place(texts: Sequence[str], encoder: Encoder) -> Path:
    digest = hashlib.sha256(f"{VERSION} {encoder.identity} {len(texts)} ".encode())
    for text in texts:
        content = text.encode()
        digest.update(len(content).to_bytes(8, "little") + content)
    return cache_folder() / "text" / f"{digest.hexdigest()}.npy"


def _encode(texts: Sequence[str], encoder: Encoder, progress: bool) -> NDArray[np.float32]:
    encode = encoder.load()
    # Padding is work: batches hold texts of about one length, and the longest come first so that
    # the remaining time is not underestimated.
    different = sorted(
        {text for text in texts if text.strip()}, key=lambda text: (-len(text), text)
    )
    place = {text: row for row, text in enumerate(different)}
    width = encode(["width"]).shape[1]
    vectors = np.zeros((len(different), width), dtype=np.float32)
    for rows in _watched(len(different), f"encoding texts with {encoder.name}", progress):
        # Adding zero turns -0 into 0, so that no sign hangs on a digit that was rounded away.
        vectors[rows] = np.round(encode(different[rows]).numpy(), DECIMALS) + 0.0
    if not np.isfinite(vectors).all():
        raise InputError(f"encoder '{encoder.name}' gives values that are not finite")
    features = np.zeros((len(texts), width), dtype=np.float32)
    for row, text in enumerate(texts):
        if text in place:
            features[row] = vectors[place[text]]
    return features


def _watched(total: int, title: str, progress: bool) -> Iterator[slice]:
    """The batches of ``total`` rows, with a bar on stderr once they have taken long."""
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=28),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    task = bar.add_task(escape(title), total=total)
    began = time.monotonic()
    try:
        for start in range(0, total, BATCH_SIZE):
            yield slice(start, start + BATCH_SIZE)
            bar.update(task, completed=min(start + BATCH_SIZE, total))
            if progress and not bar.live.is_started and time.monotonic() - began > QUIET_SECONDS:
                bar.start()
    finally:
        bar.stop()
