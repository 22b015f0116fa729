"""Prepared datasets: read, checked and fingerprinted once, memory-mapped ever after."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel

from sslcl.data.loading.cache import cache_folder
from sslcl.data.loading.checks import splits_of
from sslcl.data.loading.flat import FlatSplit
from sslcl.data.reading.tools import audio_tools
from sslcl.data.types import Dataset
from sslcl.registry.plugins import outside_content

_META = "dataset.json"
_FIELDS = (
    "name", "label_names", "speakers", "fingerprint", "synthetic", "description", "notes",
    "own_folds",
)  # fmt: skip


def prepared(
    name: str, options: BaseModel, files: Sequence[Path], load: Callable[[], Dataset]
) -> Dataset:
    """The dataset that ``load`` gives, opened from the cache where it has been prepared.

    The cache is addressed by name, options, the files' paths, sizes and times, the code that reads
    them, and the optional tools that it finds; what changes in any of these is read anew. A damaged
    entry is made again.

    Args:
        name: name in the catalog.
        options: the source's options.
        files: everything that the content depends on.
        load: reads, checks and fingerprints the dataset.
    """
    folder = cache_folder() / "datasets" / _key(name, options, files)
    try:
        return _open(folder)
    except (OSError, EOFError, ValueError, KeyError):
        shutil.rmtree(folder, ignore_errors=True)
    dataset = load()
    _write(dataset, folder)
    return _open(folder)


def _key(name: str, options: BaseModel, files: Sequence[Path]) -> str:
    stats = [(str(f.resolve()), f.stat().st_size, f.stat().st_mtime_ns) for f in sorted(files)]
    said = options.model_dump(mode="json")
    outside = outside_content(("sslcl.datasets", "sslcl.formats"))
    text = json.dumps([name, said, stats, _code_digest(), outside, audio_tools()])
    return hashlib.sha256(text.encode()).hexdigest()


@cache
def _code_digest() -> str:
    """SHA-256 of the modules that read data: other code may read the same files differently."""
    root = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _open(folder: Path) -> Dataset:
    meta = json.loads((folder / _META).read_text(encoding="utf-8"))
    splits = {
        split: FlatSplit.from_arrays(
            {name: np.load(folder / f"{split}.{name}.npy", mmap_mode="r") for name in names}
        )
        for split, names in meta["splits"].items()
    }
    own: dict[str, Any] = {
        name: tuple(meta[name]) if name in ("label_names", "notes") else meta[name]
        for name in _FIELDS
    }
    return Dataset(
        modalities=dict(meta["modalities"]),
        facts=dict(meta["facts"]),
        groups={name: tuple(groups) for name, groups in meta["groups"]},
        train=splits["train"],
        validation=splits["validation"],
        test=splits.get("test"),
        **own,
    )


def _write(dataset: Dataset, folder: Path) -> None:
    partial = folder.with_name(f"{folder.name}.{os.getpid()}.part")
    partial.mkdir(parents=True, exist_ok=True)
    names: dict[str, list[str]] = {}
    for split, conversations in splits_of(dataset):
        arrays = FlatSplit.of(conversations, tuple(dataset.modalities)).arrays()
        names[split] = list(arrays)
        for name, values in arrays.items():
            np.save(partial / f"{split}.{name}.npy", values, allow_pickle=False)
    meta = {
        **{name: getattr(dataset, name) for name in _FIELDS},
        # Pairs, because the order of the modalities counts.
        "modalities": list(dataset.modalities.items()),
        "facts": list(dataset.facts.items()),
        "groups": list(dataset.groups.items()),
        "splits": names,
    }
    (partial / _META).write_text(json.dumps(meta), encoding="utf-8")
    try:
        partial.rename(folder)
    except OSError:
        # Another process has just prepared the same.
        shutil.rmtree(partial, ignore_errors=True)
