"""One trial trained again, and what is said when it is not the same."""

import shutil
from collections.abc import Callable, Iterator
from functools import partial
from io import StringIO
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from rich.console import Console
from sqlalchemy import text

from sslcl.config import TrialConfig
from sslcl.data import load_dataset
from sslcl.data.types import Dataset
from sslcl.errors import InputError
from sslcl.identity import trial_identity
from study.execution.trial import train, unfinished, utterances_of
from study.replay import main, replay
from tracking.home import Home
from tracking.ledger import Ledger
from tracking.records import FailureKind, Phase, PlannedTrial, StudyRecord

OPTIONS = {"conversations": 14}
CONFIG = TrialConfig(
    dataset_options=OPTIONS, epochs=3, hidden_size=8, label_embedding_width=8, batch_size=4
)


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return load_dataset("synthetic", OPTIONS)


def plan(ledger: Ledger, dataset: Dataset, cell: str, phase: Phase = Phase.CONFIRM) -> PlannedTrial:
    identity = trial_identity(CONFIG, dataset.fingerprint)
    trial = PlannedTrial(f"{cell}-{identity}", phase, cell, identity, CONFIG)
    ledger.plan("small", phase, [trial], replace=False)
    return trial


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory, dataset: Dataset) -> Path:
    """A home with one trial that was really trained, with and without the test split."""
    home = tmp_path_factory.mktemp("recorded")
    ledger = Ledger.at(Home(home))
    ledger.put_study(
        StudyRecord(
            "small",
            spec={},
            dataset="synthetic",
            data_fingerprint=dataset.fingerprint,
            label_names=dataset.label_names,
            code_fingerprint="",
            environment={},
        )
    )
    for cell, data in (("whole", dataset), ("sealed", dataset.sealed())):
        trial = plan(ledger, dataset, cell)
        ledger.start(trial.id)
        _, outcome = train(
            CONFIG,
            data,
            partial(ledger.record_epoch, trial.id),
        )
        ledger.complete(trial.id, outcome)
    ledger.close()
    return home


@pytest.fixture
def home(recorded: Path, tmp_path: Path) -> Path:
    """A copy that a test may tamper with."""
    return Path(shutil.copytree(recorded, tmp_path / "runs"))


@pytest.fixture
def ledger(home: Path) -> Iterator[Ledger]:
    opened = Ledger.at(Home(home))
    yield opened
    opened.close()


Again = Callable[[str], str | None]


@pytest.fixture
def again(ledger: Ledger, dataset: Dataset) -> Again:
    def run(trial: str) -> str | None:
        return replay(ledger, ledger.trial(trial), dataset, Console(file=StringIO()))

    return run


def tamper(ledger: Ledger, statement: str) -> None:
    with ledger.engine.begin() as connection:
        assert connection.execute(text(statement)).rowcount > 0


class TestTheSame:
    @pytest.mark.parametrize("trial", ["whole", "sealed"])
    def test_bit_for_bit(self, again: Again, trial: str) -> None:
        assert again(trial) is None

    def test_a_cached_trial_is_compared_with_its_original(
        self, ledger: Ledger, dataset: Dataset, again: Again
    ) -> None:
        copy = plan(ledger, dataset, "copy", Phase.ABLATE)
        ledger.cache(copy.id, ledger.trial("whole").id)
        assert again("copy") is None
        tamper(ledger, "update predictions set predicted = 6 - predicted where position = 1")
        assert again("copy") is not None

    def test_seconds_may_differ(self, ledger: Ledger, again: Again) -> None:
        tamper(ledger, "update epoch_metrics set value = 99 where metric = 'seconds'")
        assert again("whole") is None

    def test_the_command_says_so(self, home: Path) -> None:
        result = CliRunner().invoke(main, ["whole", "--home", str(home)])
        assert result.exit_code == 0, result.output
        assert "identical: trial whole" in result.stdout


class TestNotTheSame:
    def test_the_first_epoch_that_differs_is_named(self, ledger: Ledger, again: Again) -> None:
        changed = "update epoch_metrics set value = 0.125 where metric = 'train_loss' and epoch > 1"
        tamper(ledger, changed)
        found = again("whole")
        assert found is not None
        assert found.startswith("epoch 2, train_loss: 0.125 then, ")

    def test_the_last_bit_of_a_score_counts(self, ledger: Ledger, again: Again) -> None:
        tamper(
            ledger,
            "update evaluations set value = value + 1e-15 "
            "where split = 'validation' and metric = 'accuracy'",
        )
        assert str(again("sealed")).startswith("validation, accuracy: ")

    @pytest.mark.parametrize("split", ["validation", "test"])
    def test_predictions_that_differ_are_counted(
        self, ledger: Ledger, again: Again, split: str
    ) -> None:
        changed = "update predictions set predicted = (predicted + 1) % 7 where position < 2"
        tamper(ledger, f"{changed} and split = '{split}'")
        found = str(again("whole"))
        assert found.startswith(f"{split}: 2 of ")
        assert found.endswith("predictions differ")

    def test_other_utterances(self, ledger: Ledger, again: Again) -> None:
        tamper(ledger, "update utterances set utterance = 'x' where position = 0")
        assert again("whole") == "validation: other utterances"

    @pytest.mark.parametrize("epoch", [3, 4])
    def test_another_number_of_epochs(self, ledger: Ledger, again: Again, epoch: int) -> None:
        trial = ledger.trial("whole").id
        if epoch == 3:
            tamper(ledger, f"delete from epoch_metrics where epoch = 3 and trial = '{trial}'")
        else:
            tamper(ledger, f"insert into epoch_metrics values ('{trial}', 4, 'train_loss', 1, 0)")
        found = str(again("whole"))
        assert found.startswith("epoch 3, ") if epoch == 3 else found == "4 epochs then, 3 now"

    def test_the_command_says_what_and_ends_with_one(self, home: Path) -> None:
        ledger = Ledger.at(Home(home))
        tamper(ledger, "update predictions set predicted = (predicted + 1) % 7 where position = 0")
        ledger.close()
        result = CliRunner().invoke(main, ["whole", "--home", str(home)])
        assert result.exit_code == 1
        assert "not the same: validation: 1 of " in result.stdout
        assert "scores agree within 0, " in result.stdout

    def test_it_is_said_within_what_scores_agree(self, home: Path) -> None:
        ledger = Ledger.at(Home(home))
        higher = "update epoch_metrics set value = value + 0.004 where epoch = 2 and metric = "
        tamper(ledger, f"{higher} 'validation_accuracy'")
        tamper(ledger, "update trials set worker = 'node1:4711 cuda:0'")
        ledger.close()
        result = CliRunner().invoke(main, ["whole", "--home", str(home)])
        assert result.exit_code == 1
        assert "scores agree within 0.004, " in result.stdout
        if not torch.cuda.is_available():
            assert "it was trained on a GPU, and is now on the CPU" in result.stdout


class TestRefusals:
    def test_trials_that_did_not_finish(
        self, ledger: Ledger, dataset: Dataset, again: Again
    ) -> None:
        for cell in ("planned", "failed", "pruned"):
            trial = plan(ledger, dataset, cell)
            if cell == "failed":
                ledger.start(trial.id)
                ledger.fail(trial.id, FailureKind.ERROR, "no")
            if cell == "pruned":
                ledger.start(trial.id)
                ledger.prune(
                    trial.id,
                    unfinished(train(CONFIG, dataset.sealed())[0], utterances_of(dataset.train)),
                )
            with pytest.raises(InputError, match=f"is {cell.upper()}: only finished trials"):
                again(cell)

    def test_other_data(self, ledger: Ledger) -> None:
        more = load_dataset("synthetic", {"conversations": 21})
        with pytest.raises(InputError, match="other data or by other code"):
            replay(ledger, ledger.trial("whole"), more, Console(file=StringIO()))

    def test_other_code(self, again: Again, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("sslcl.identity.code_fingerprint", lambda config: "new code")
        with pytest.raises(InputError, match="other data or by other code"):
            again("whole")

    @pytest.mark.parametrize(
        ("words", "said"),
        [(["nobody"], "nobody"), (["whole", "--home", "nowhere"], "no results at nowhere")],
    )
    def test_the_command_says_so_in_one_line(self, home: Path, words: list[str], said: str) -> None:
        result = CliRunner().invoke(main, ["--home", str(home), *words])
        assert result.exit_code == 2
        assert result.stderr.startswith("error: ")
        assert result.stderr.count("\n") == 1
        assert said in result.stderr
