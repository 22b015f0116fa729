"""What every dataset in the catalog promises; a new one cannot be added without these tests."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest
import torch

from sslcl.data import CATALOG, Dataset, load_dataset
from sslcl.data.formats.tables.mintrec import INTENTS
from sslcl.data.formats.tables.mintrec2 import INTENTS as INTENTS_2
from sslcl.data.loading.checks import check_dataset
from sslcl.data.types import PAD_LABEL, Conversation, Split
from sslcl.errors import InputError
from sslcl.validation import Scalar

from .writers import cosmic, emorynlp_csv, iemocap_tuple, made_up, mintrec, mmsa

EMBEDDED = {"synthetic"}
WITH_FREE_FILES: dict[str, dict[str, Scalar]] = {"meld": {"encoder": "none"}, "mosi": {}}
"""Datasets whose files anyone may have, and options that make reading them quick."""


class Place(NamedTuple):
    """Where a dataset is, and the options to read it with."""

    name: str
    options: dict[str, Scalar]
    data_dir: Path | None


def write_mmsa(name: str) -> Callable[[Path], dict[str, Scalar]]:
    def written(folder: Path) -> dict[str, Scalar]:
        mmsa.write(folder / "a.pkl", mmsa.content(name))
        return {}

    return written


def write_mintrec(folder: Path) -> dict[str, Scalar]:
    mintrec.write(folder, mintrec.with_every_intent(mintrec.SPLITS, INTENTS, at=4))
    return {"encoder": "none"}


def write_mintrec2(folder: Path) -> dict[str, Scalar]:
    mintrec.write_2(folder, mintrec.with_every_intent(mintrec.SPLITS_2, INTENTS_2, at=3))
    return {"encoder": "none"}


def write_emorynlp(folder: Path) -> dict[str, Scalar]:
    emorynlp_csv.write(folder, {"train": 30, "validation": 4, "test": 4})
    return {"encoder": "none"}


def write_dailydialog(folder: Path) -> dict[str, Scalar]:
    made_up.write(folder / "a.pkl", cosmic.content(made_up.dailydialog(), "dailydialog"))
    return {}


def write_iemocap(folder: Path) -> dict[str, Scalar]:
    folder.mkdir(parents=True)
    made_up.write(folder / "a.pkl", tuple(iemocap_tuple.content(made_up.iemocap())))
    return {}


def write_path(folder: Path) -> dict[str, Scalar]:
    return {"path": str(mmsa.write(folder / "a.pkl", mmsa.content()))}


WRITTEN: dict[str, Callable[[Path], dict[str, Scalar]]] = {
    "dailydialog": write_dailydialog,
    "emorynlp": write_emorynlp,
    "iemocap": write_iemocap,
    "mintrec": write_mintrec,
    "mintrec2": write_mintrec2,
    "mosei": write_mmsa("mosei"),
    "mosi_mmsa": write_mmsa("mosi_mmsa"),
    "path": write_path,
    "sims": write_mmsa("sims"),
}
"""Writers of datasets whose files are not free to have: each fills a folder of the name."""


@pytest.fixture(scope="module", params=CATALOG.names())
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Place:
    name = request.param
    if name in EMBEDDED:
        return Place(name, {}, None)
    if name in WITH_FREE_FILES:
        return Place(name, WITH_FREE_FILES[name], request.getfixturevalue("data_dir"))
    data_dir = tmp_path_factory.mktemp("written")
    return Place(name, WRITTEN[name](data_dir / name), data_dir)


@pytest.fixture(scope="module")
def dataset(place: Place) -> Dataset:
    return load_dataset(*place)


def splits(dataset: Dataset) -> list[Split]:
    assert dataset.test is not None
    return [dataset.train, dataset.validation, dataset.test]


class TestEveryDataset:
    def test_says_what_it_is(self, dataset: Dataset) -> None:
        assert dataset.name in CATALOG.names()
        assert dataset.description
        assert dataset.synthetic == (dataset.name == "synthetic")
        assert "\n" not in CATALOG.get(dataset.name).summary

    def test_splits_share_no_conversation(self, dataset: Dataset) -> None:
        ids = [{c.id for c in split} for split in splits(dataset)]
        assert all(ids)
        assert len(set.union(*ids)) == sum(len(s) for s in splits(dataset))

    def test_utterances_line_up(self, dataset: Dataset) -> None:
        for split in splits(dataset):
            for c in split:
                assert len(c) == len(c.labels) == len(c.speakers) > 0
                assert {n: x.shape[1] for n, x in c.features.items()} == dataset.modalities
                assert all(len(x) == len(c) and x.isfinite().all() for x in c.features.values())

    def test_every_class_is_in_training(self, dataset: Dataset) -> None:
        seen = set(torch.cat([c.labels for c in dataset.train]).tolist()) - {PAD_LABEL}
        assert seen == set(range(len(dataset.label_names)))

    def test_sealed_takes_the_test_split_away_and_nothing_else(self, dataset: Dataset) -> None:
        assert dataset.sealed().test is None
        assert replace(dataset.sealed(), test=dataset.test) == dataset

    def test_fingerprint_is_the_same_in_a_fresh_process(
        self, dataset: Dataset, place: Place
    ) -> None:
        code = (
            "import json, pathlib, sys; from sslcl.data import load_dataset\n"
            "name, options, folder = json.loads(sys.argv[1])\n"
            "folder = folder and pathlib.Path(folder)\n"
            "print(load_dataset(name, options, folder).fingerprint)"
        )
        folder = place.data_dir and str(place.data_dir)
        arguments = [json.dumps([place.name, place.options, folder])]
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == dataset.fingerprint
        assert len(dataset.fingerprint) == 64


def small() -> Dataset:
    return load_dataset("synthetic", {"conversations": 7})


def changed(**changes: object) -> Dataset:
    """A good dataset whose first training conversation has ``changes``."""
    good = small()
    return replace(good, train=(replace(good.train[0], **changes), *good.train[1:]))  # type: ignore[arg-type]


def first() -> Conversation:
    return small().train[0]


def with_feature(value: float) -> dict[str, torch.Tensor]:
    features = {name: x.clone() for name, x in first().features.items()}
    features["audio"][1, 3] = value
    return features


def broken_datasets() -> dict[str, tuple[Dataset, str]]:
    good, c = small(), first()
    assert good.test is not None
    labels = c.labels.clone()
    labels[2] = 7
    negative = torch.full_like(c.labels, -2)
    narrow = {**c.features, "video": c.features["video"][:, 1:]}
    short = {**c.features, "video": c.features["video"][1:]}
    unordered = {name: c.features[name] for name in reversed(list(c.features))}
    double = {**c.features, "text": c.features["text"].double()}
    empty = replace(
        c,
        utterance_ids=(),
        labels=c.labels[:0],
        speakers=c.speakers[:0],
        features={n: x[:0] for n, x in c.features.items()},
    )
    return {
        "nan": (changed(features=with_feature(float("nan"))), "'audio' are not finite"),
        "infinite": (changed(features=with_feature(float("inf"))), "'audio' are not finite"),
        "label too high": (changed(labels=labels), "is 7, expected 0 to 6"),
        "label negative": (changed(labels=negative), "is -2, expected 0 to 6"),
        "labels short": (changed(labels=c.labels[1:]), "labels is int64"),
        "speakers short": (changed(speakers=c.speakers[1:]), "speakers is int64"),
        "speakers not from 0": (changed(speakers=c.speakers + 1), "expected 0, 1, 2"),
        "too many speakers": (replace(good, speakers=1), "expected at most 1"),
        "width": (changed(features=narrow), "'video' is float32"),
        "rows": (changed(features=short), "'video' is float32"),
        "type": (changed(features=double), "expected float32"),
        "modality missing": (changed(features={"text": c.features["text"]}), "text, audio, video"),
        "modality order": (changed(features=unordered), "in this order"),
        "utterance twice": (
            changed(utterance_ids=(c.utterance_ids[1], *c.utterance_ids[1:])),
            "expected unique ids",
        ),
        "empty conversation": (replace(good, train=(empty,)), "has no utterances"),
        "conversation twice": (replace(good, train=(c, c)), "is there twice"),
        "in train and test": (replace(good, test=(c,)), "also in split 'train'"),
        "in train and validation": (replace(good, validation=(c,)), "also in split 'train'"),
        "empty train": (replace(good, train=()), "split 'train' is empty"),
        "empty test": (replace(good, test=()), "split 'test' is empty"),
        "no test": (good.sealed(), "no test split"),
    }


@pytest.mark.parametrize("case", broken_datasets())
def test_a_broken_promise_is_refused_in_one_line(case: str) -> None:
    dataset, expected = broken_datasets()[case]
    with pytest.raises(InputError, match="dataset 'synthetic'") as raised:
        check_dataset(dataset)
    message = str(raised.value)
    assert expected in message
    assert "\n" not in message
    if case.startswith(("nan", "label ", "width")):
        assert "split 'train', conversation 'synthetic_000000'" in message


class TestLoadDataset:
    def test_unknown_name(self) -> None:
        with pytest.raises(InputError, match="did you mean 'synthetic'"):
            load_dataset("syntetic")

    def test_unknown_option(self) -> None:
        with pytest.raises(InputError, match=r"unknown key 'imbalence'.*did you mean 'imbalance'"):
            load_dataset("synthetic", {"imbalence": 0.5})

    @pytest.mark.parametrize(
        ("options", "key"),
        [
            ({"imbalance": 1.5}, "imbalance"),
            ({"noise": float("nan")}, "noise"),
            ({"seed": -1}, "seed"),
        ],
    )
    def test_value_out_of_range(self, options: dict[str, float], key: str) -> None:
        with pytest.raises(InputError, match=key) as raised:
            load_dataset("synthetic", options)
        assert "\n" not in str(raised.value)

    def test_dataset_without_options_has_none(self) -> None:
        with pytest.raises(InputError, match="unknown key 'seed' in dataset_options of 'mosi'"):
            load_dataset("mosi", {"seed": 1})

    def test_folder_from_the_environment(
        self, monkeypatch: pytest.MonkeyPatch, data_dir: Path
    ) -> None:
        monkeypatch.setenv("SSLCL_DATA", str(data_dir))
        assert load_dataset("mosi").name == "mosi"

    def test_argument_goes_before_the_environment(
        self, monkeypatch: pytest.MonkeyPatch, data_dir: Path, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("SSLCL_DATA", str(data_dir))
        with pytest.raises(InputError, match="--data-dir or SSLCL_DATA"):
            load_dataset("mosi", data_dir=tmp_path)
