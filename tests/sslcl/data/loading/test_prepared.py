"""Prepared datasets: the same content, opened without being read, one copy for all processes."""

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from sslcl.config import TrialConfig
from sslcl.data import Dataset, DatasetSource, load_dataset
from sslcl.data.loading import prepared as preparing
from sslcl.data.loading.checks import check_dataset, splits_of
from sslcl.data.loading.fingerprint import fingerprint
from sslcl.data.loading.flat import FlatSplit
from sslcl.data.loading.prepared import prepared
from sslcl.training import Trainer

OPTIONS = DatasetSource.Options()


@pytest.fixture(scope="module")
def data() -> Dataset:
    return replace(load_dataset("synthetic", {"conversations": 14}), notes=("a note",))


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SSLCL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file.csv"
    path.write_text("content")
    return path


def never() -> Dataset:
    raise AssertionError("it was read again")


def test_what_is_opened_is_what_was_read(data: Dataset, file: Path) -> None:
    opened = prepared("any", OPTIONS, [file], lambda: data)
    again = prepared("any", OPTIONS, [file], never)
    for found in (opened, again):
        check_dataset(found)
        assert fingerprint(found) == found.fingerprint == data.fingerprint
        assert list(found.modalities.items()) == list(data.modalities.items())
        assert found.notes == data.notes
        assert found.synthetic == data.synthetic
        for (_, old), (_, new) in zip(splits_of(data), splits_of(found), strict=True):
            assert [c.id for c in new] == [c.id for c in old]
            assert [c.utterance_ids for c in new] == [c.utterance_ids for c in old]


def test_training_on_it_gives_the_same_bits(data: Dataset, file: Path) -> None:
    opened = prepared("any", OPTIONS, [file], lambda: data)
    torch.set_num_threads(1)
    one, two = (Trainer(TrialConfig(epochs=1), d).fit_epoch() for d in (data, opened))
    assert {k: v for k, v in one.items() if k != "seconds"} == {
        k: v for k, v in two.items() if k != "seconds"
    }


@pytest.mark.parametrize("change", ["content", "options", "name", "code"])
def test_whatever_decides_the_content_decides_the_entry(
    data: Dataset, file: Path, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared("any", OPTIONS, [file], lambda: data)
    other = replace(data, description="read anew")
    name, options = "any", OPTIONS
    if change == "content":
        file.write_text("other content")
    elif change == "options":
        options = type(
            "Options", (DatasetSource.Options,), {"__annotations__": {"x": int}, "x": 1}
        )()
    elif change == "name":
        name = "other"
    else:
        monkeypatch.setattr(preparing, "_code_digest", lambda: "other code")
    assert prepared(name, options, [file], lambda: other).description == "read anew"


@pytest.mark.parametrize("damage", ["missing", "truncated", "empty", "no meta"])
def test_a_damaged_entry_is_made_again(data: Dataset, file: Path, cache: Path, damage: str) -> None:
    prepared("any", OPTIONS, [file], lambda: data)
    victim = next(cache.rglob("train.features.text.npy"))
    if damage == "missing":
        victim.unlink()
    elif damage == "truncated":
        victim.write_bytes(victim.read_bytes()[:-10])
    elif damage == "empty":
        victim.write_bytes(b"")
    else:
        next(cache.rglob("dataset.json")).write_text("{")
    assert fingerprint(prepared("any", OPTIONS, [file], lambda: data)) == data.fingerprint


def test_nothing_half_written_is_left_when_reading_fails(file: Path, cache: Path) -> None:
    def fails() -> Dataset:
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        prepared("any", OPTIONS, [file], fails)
    assert not [p for p in cache.rglob("*") if p.is_file()]


def test_arrays_are_mapped_and_travel_out_of_band(data: Dataset, file: Path) -> None:
    """What a cluster keeps in shared memory is the arrays; the pickle itself holds none of them."""
    opened = prepared("any", OPTIONS, [file], lambda: data)
    buffers: list[pickle.PickleBuffer] = []
    _ = opened.train[0]
    body = pickle.dumps(opened, protocol=5, buffer_callback=buffers.append)
    assert isinstance(opened.train, FlatSplit)
    size = sum(x.nbytes for x in opened.train.features.values())
    assert sum(len(b.raw()) for b in buffers) > size > 10 * len(body)
    copied = pickle.loads(body, buffers=[b.raw() for b in buffers])
    assert isinstance(copied.train, FlatSplit)
    assert np.shares_memory(copied.train.features["text"], opened.train.features["text"])
    assert fingerprint(copied) == data.fingerprint


def test_a_flat_split_is_a_sequence_like_any_other(data: Dataset) -> None:
    flat = FlatSplit.of(data.train, tuple(data.modalities))
    assert len(flat) == len(data.train)
    assert flat[-1].id == data.train[-1].id
    assert [c.id for c in flat[1:4]] == [c.id for c in data.train[1:4]]
    assert [c.id for c in reversed(flat)] == [c.id for c in reversed(data.train)]
    with pytest.raises(IndexError):
        flat[len(flat)]
