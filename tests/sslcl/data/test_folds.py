"""Folds: a partition of the corpus, no leak into training or validation, the same every time."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from sslcl.config import TrialConfig
from sslcl.data import Conversation, Dataset, load_dataset
from sslcl.data.commands.check import main
from sslcl.data.corpus import dataset_of, with_validation
from sslcl.data.folds import VALIDATION_SHARE, fold_scheme, fold_warnings, of_fold, with_folds
from sslcl.data.formats import recognise
from sslcl.data.formats.own.writer import write_corpus
from sslcl.data.inspection.fold_leaks import inspect_folds
from sslcl.errors import InputError
from sslcl.training import Trainer

from .writers.open_format import CARD, HEADER, rows, write_open


def conversation(name: str, length: int, label: int = 0) -> Conversation:
    return Conversation(
        name,
        tuple(f"u{turn}" for turn in range(length)),
        torch.zeros(length, dtype=torch.int64),
        torch.full((length,), label),
        {"text": torch.zeros(length, 2)},
    )


def corpus(lengths: Sequence[int], groups: Sequence[str] = ()) -> Dataset:
    """The first conversations train, the last two validate and test."""
    made = [conversation(f"c{at}", length) for at, length in enumerate(lengths)]
    return Dataset(
        name="made",
        label_names=("a", "b"),
        modalities={"text": 2},
        speakers=1,
        train=tuple(made[:-2]),
        validation=(made[-2],),
        test=(made[-1],),
        fingerprint="f",
        groups={"session": tuple(groups)} if groups else {},
    )


def ids(split: Sequence[Conversation] | None) -> list[str]:
    return [one.id for one in split or ()]


def check_partition(dataset: Dataset, divided: Dataset) -> None:
    """Each conversation tests once; none of a fold's test conversations is seen in that fold."""
    everything = ids(dataset.train) + ids(dataset.validation) + ids(dataset.test)
    utterances = [
        (one.id, name)
        for split in (dataset.train, dataset.validation, dataset.test or ())
        for one in split
        for name in one.utterance_ids
    ]
    tested: list[str] = []
    for fold in divided.folds:
        part = of_fold(divided, fold.name)
        train, validation, test = map(ids, (part.train, part.validation, part.test))
        assert train
        assert validation
        assert test
        assert sorted(train + validation + test) == sorted(everything)
        assert part.sealed().test is None
        tested += test
        for split in ("train", "validation", "test"):
            own = [(one.id, n) for one in getattr(part, split) for n in one.utterance_ids]
            assert own == [utterances[at] for at in part.places[split]]
    assert sorted(tested) == sorted(everything)


sizes = st.lists(st.integers(1, 4), min_size=3, max_size=24)


@given(sizes, st.integers(2, 6))
def test_a_number_of_folds_is_a_partition_into_equal_parts(lengths: list[int], count: int) -> None:
    dataset = corpus(lengths)
    if len(lengths) < count:
        with pytest.raises(InputError, match=f"{len(lengths)} conversations"):
            with_folds(dataset, str(count))
        return
    if len(lengths) == 3 and count == 2:
        with pytest.raises(InputError, match="leaves one conversation that does not test"):
            with_folds(dataset, str(count))
        return
    divided = with_folds(dataset, str(count))
    check_partition(dataset, divided)
    assert [fold.name for fold in divided.folds] == [str(at + 1) for at in range(count)]
    counts = [len(fold.test) for fold in divided.folds]
    assert max(counts) - min(counts) <= 1
    for fold in divided.folds:
        others = len(lengths) - len(fold.test)
        assert len(fold.validation) == max(1, round(others / VALIDATION_SHARE))


@given(st.data(), sizes)
def test_one_group_tests_while_whole_groups_validate(
    data: st.DataObject, lengths: list[int]
) -> None:
    names = st.sampled_from(["s1", "s2", "s3", "s10"])
    groups = data.draw(st.lists(names, min_size=len(lengths), max_size=len(lengths)))
    dataset = corpus(lengths, groups)
    if len(set(groups)) < 2:
        with pytest.raises(InputError, match=r"all conversations .* are of one group"):
            with_folds(dataset, "session")
        return
    if max(groups.count(name) for name in groups) == len(groups) - 1:
        with pytest.raises(InputError, match="leaves one conversation that does not test"):
            with_folds(dataset, "session")
        return
    divided = with_folds(dataset, "session")
    present = [name for name in ("s1", "s2", "s3", "s10") if name in groups]
    assert [fold.name for fold in divided.folds] == present
    check_partition(dataset, divided)
    for fold in divided.folds:
        assert {groups[at] for at in fold.test} == {fold.name}
        if len(present) > 2:
            assert not {groups[a] for a in fold.validation} & {groups[a] for a in fold.train}


@given(sizes.filter(lambda lengths: len(lengths) > 4), st.permutations(range(5)))
def test_the_division_depends_on_ids_alone(lengths: list[int], order: list[int]) -> None:
    dataset = corpus(lengths)
    turned = replace(dataset, train=tuple(reversed(dataset.train)))
    first, second = with_folds(dataset, "3"), with_folds(turned, "3")
    for fold in first.folds:
        one, other = of_fold(first, fold.name), of_fold(second, fold.name)
        assert sorted(ids(one.test)) == sorted(ids(other.test))
        assert sorted(ids(one.validation)) == sorted(ids(other.validation))
    assert with_folds(dataset, "3").fingerprint == first.fingerprint


def test_another_division_is_other_data() -> None:
    dataset = corpus([2] * 12, ["a", "b", "c"] * 4)
    marks = [with_folds(dataset, scheme).fingerprint for scheme in ("3", "4", "session")]
    assert len({dataset.fingerprint, *marks}) == 4
    other = replace(dataset, fingerprint="g")
    assert with_folds(other, "3").fingerprint != marks[0]


@pytest.mark.parametrize(
    ("value", "stored"), [(None, None), (5, "5"), ("5", "5"), ("05", "5"), (" session ", "session")]
)
def test_schemes(value: object, stored: str | None) -> None:
    assert fold_scheme(value) == stored


@pytest.mark.parametrize("value", [1, 0, -3, "1", True, 2.5, "", ["a"]])
def test_other_schemes_are_refused(value: object) -> None:
    with pytest.raises(InputError, match="expected a number of folds from 2, or what"):
        fold_scheme(value)


def test_what_cannot_be_divided_is_refused_with_what_can() -> None:
    dataset = corpus([2] * 6, ["a", "b", "a", "b", "", "b"])
    with pytest.raises(InputError, match=r"unknown group 'sesion'.*session"):
        with_folds(dataset, "sesion")
    with pytest.raises(InputError, match=r"conversation 'c4' .* has none"):
        with_folds(dataset, "session")
    with pytest.raises(InputError, match="nothing that its conversations are grouped by"):
        with_folds(corpus([2] * 6), "session")
    unlabelled = replace(dataset, test=(conversation("c5", 2, -1),), groups={"g": (*"aaacc", "b")})
    with pytest.raises(InputError, match=r"its validation conversations .* no labelled"):
        with_folds(unlabelled, "g")
    with pytest.raises(InputError, match="unknown fold '4'"):
        of_fold(with_folds(dataset, "3"), "4")


class TestATrial:
    def test_has_a_fold_exactly_when_it_has_folds(self) -> None:
        plain = TrialConfig()
        assert not {"folds", "fold"} & plain.canonical().keys()
        one = plain.replace(folds=5, fold="1")
        assert one.canonical()["fold"] == "1"
        assert len({plain.digest(), one.digest(), one.replace(fold="2").digest()}) == 3
        for wrong in ({"folds": 5}, {"fold": "1"}):
            with pytest.raises(InputError, match="expected both or neither"):
                plain.replace(**wrong)

    def test_is_trained_and_standardised_by_its_own_fold_alone(self) -> None:
        options = {"conversations": 14}
        divided = with_folds(load_dataset("synthetic", options), "3")
        config = TrialConfig(
            dataset_options=options, epochs=1, hidden_size=8, folds="3", fold="2", batch_size=4
        )
        part = of_fold(divided, "2")
        trainer = Trainer(config, part)
        name = trainer.model.modalities[0]
        seen = torch.cat([one.features[name] for one in part.train])
        shown = trainer.model.standardised_rows(name, seen)
        assert torch.allclose(shown.mean(0), torch.zeros(shown.shape[1]), atol=1e-4)
        for wrong in (divided, of_fold(divided, "1")):
            with pytest.raises(ValueError, match="of fold 2 on the data of fold"):
                Trainer(config, wrong)


class TestAnOwnTable:
    SESSION = ("a", "b", "a", "b", "c", "c", "a", "b", "c", "a")

    def write(self, folder: Path, card: str = CARD) -> Path:
        header = (*HEADER, "session", "mood")
        table = [[*row, self.SESSION[int(row[0][1:])], f"m{at}"] for at, row in enumerate(rows())]
        return write_open(folder, card=card, header=header, table=table)

    def test_is_grouped_by_any_column_with_one_value_a_conversation(self, tmp_path: Path) -> None:
        found = with_validation(recognise(self.write(tmp_path / "own", CARD + "folds: session\n")))
        assert found.groupings == ("session",)
        assert any("not read: mood" in note for note in found.notes)
        dataset = dataset_of(found)
        assert dataset.own_folds == "session"
        by_id = dict(zip([f"c{at}" for at in range(10)], self.SESSION, strict=True))
        divided = with_folds(dataset, "session")
        for fold in divided.folds:
            assert {by_id[one] for one in ids(of_fold(divided, fold.name).test)} == {fold.name}

    def test_keeps_its_groups_when_it_is_written_and_when_it_is_prepared(
        self, tmp_path: Path
    ) -> None:
        own = self.write(tmp_path / "own", CARD + "folds: 3\n")
        write_corpus(recognise(own), tmp_path / "again")
        first, again, prepared = (
            load_dataset("path", {"path": str(tmp_path / name)}) for name in ("own", "again", "own")
        )
        assert first.groups == again.groups == prepared.groups
        assert first.own_folds == again.own_folds == "3"

    def test_speakers_who_meet_are_in_one_fold(self, tmp_path: Path) -> None:
        pairs = (("Ann", "Bob"), ("Bob", "Cem"), ("Dee", "Eve"), ("Fay", "Gus"))
        table = [
            [row[0], row[1], pairs[int(row[0][1:]) % 4][at % 2], *row[3:]]
            for at, row in enumerate(rows())
        ]
        dataset = load_dataset("path", {"path": str(write_open(tmp_path / "own", table=table))})
        divided = with_folds(dataset, "speaker")
        assert [fold.name for fold in divided.folds] == ["Ann+Bob+Cem", "Dee+Eve", "Fay+Gus"]

    def test_check_shows_its_folds_and_what_leaks_between_them(self, tmp_path: Path) -> None:
        own = self.write(tmp_path / "own")
        args = [str(own), "--out", str(tmp_path / "c.png"), "--folds", "session"]
        shown = CliRunner().invoke(main, args, env={"COLUMNS": "200"}).output
        assert "conversations by session" in shown
        assert "2 of 2 speakers are in several folds" in " ".join(shown.split())


def test_iemocaps_sessions_come_from_its_ids(tmp_path: Path) -> None:
    names = {f"c{at}": f"Ses0{at % 5 + 1}{'FM'[at % 2]}_impro0{at}" for at in range(10)}
    table = [[names[row[0]], *row[1:]] for row in rows()]
    dataset = load_dataset("path", {"path": str(write_open(tmp_path / "own", table=table))})
    assert set(dataset.groups["session"]) == {f"Ses0{number}" for number in range(1, 6)}
    divided = with_folds(dataset, "session")
    for fold in divided.folds:
        assert all(one.startswith(fold.name) for one in ids(of_fold(divided, fold.name).test))


def test_features_fitted_to_training_labels_are_warned_of() -> None:
    note = "the published features were fitted with the corpus's own training labels: easier"
    dataset = replace(corpus([2] * 6), notes=(note, "another"))
    assert fold_warnings(dataset) == []
    (warning,) = fold_warnings(with_folds(dataset, "3"))
    assert "scores are flattered" in warning


def test_places_are_of_labelled_and_other_utterances_alike() -> None:
    divided = with_folds(corpus([3, 1, 2, 2]), "2")
    everywhere = np.concatenate([of_fold(divided, f.name).places["test"] for f in divided.folds])
    assert sorted(everywhere.tolist()) == list(range(8))


def test_published_texts_of_iemocap_are_in_five_sessions(data_dir: Path) -> None:
    folder = data_dir / "published" / "cosmic_labels_iemocap"
    if not folder.is_dir():
        pytest.skip(f"no published files at {folder}")
    seen = inspect_folds(recognise(folder), "session")
    assert {fold.name: len(fold.test) for fold in seen.folds} == {
        "Ses01": 28, "Ses02": 30, "Ses03": 32, "Ses04": 30, "Ses05": 31,
    }  # fmt: skip


def test_a_relative_path_may_be_in_the_data_folder(tmp_path: Path) -> None:
    write_open(tmp_path / "own")
    dataset = load_dataset("path", {"path": "own"}, tmp_path)
    assert dataset.name == "ten_talks"
