"""``python -m study.run`` on bad input: one line, exit code 2, and nothing is written."""

import csv
import hashlib
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from click.testing import CliRunner, Result

from sslcl.data.formats.tables.poria_mosi import WIDTHS
from study.execution.lock import only_driver
from study.replay import main as replay
from study.run import main
from tracking.home import Home
from tracking.ledger import Ledger
from tracking.ledger.schema import SCHEMA_VERSION

STUDY: dict[str, Any] = {
    "study": "small",
    "dataset": "synthetic",
    "dataset_options": {"conversations": 7},
    "base": {"epochs": 1, "hidden_size": 8, "label_embedding_width": 8},
    "factors": {
        "objective": ["sslcl", "cross_entropy"],
        "backbone": ["recurrent", "transformer"],
        "learning_rate": {"low": 1e-4, "high": 1e-2, "log": True},
    },
    "search": {"trials": 2},
}

Rows = list[list[str]]
Damage = Callable[[Path], None]


def run(home: Path, *words: str) -> Result:
    return CliRunner().invoke(main, [*words, "--home", str(home)])


def refused(result: Result) -> str:
    """The one line of a refusal."""
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    assert result.stderr.endswith("\n")
    return result.stderr


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "runs"


@pytest.fixture
def file(tmp_path: Path) -> Callable[..., str]:
    """Write the study with ``changes`` and give its path."""

    def write(**changes: Any) -> str:
        path = tmp_path / "small.yaml"
        path.write_text(yaml.safe_dump({**STUDY, **changes}))
        return str(path)

    return write


class TestStudies:
    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (["quikstart"], "unknown study 'quikstart': did you mean 'quickstart'?"),
            (["nowhere/small.yaml"], "no study file at nowhere/small.yaml"),
            (["quickstart", "--data", "mosy"], "did you mean 'mosi'?"),
            (["quickstart", "--set", "backbone=recurent"], "did you mean 'recurrent'?"),
            (["quickstart", "--set", "search.trails=4"], "did you mean 'trials'?"),
            (["quickstart", "--set", "bach_size=4"], "did you mean 'batch_size'?"),
            (["quickstart", "--set", "search.trials"], "expected KEY=VALUE"),
            (["quickstart", "--set", "search.trials=0"], "search.trials"),
            (["quickstart", "--set", "modalities=[text, speech]"], "unknown modality 'speech'"),
            (["quickstart", "--design", "leave_one"], "did you mean 'leave_one_out'?"),
            (["architectures", "--design", "search"], "nothing is searched"),
            (["quickstart", "--set", "augmentation=text-audio"], "unknown view 'audio'"),
            (["quickstart", "--set", "base.test_modalities=[smell]"], "unknown modality 'smell'"),
            (["quickstart", "--set", "dataset_options={conversation: 9}"], "'conversations'"),
            (["quickstart", "--set", "criterion=macro"], "did you mean 'macro_f1'?"),
            (["quickstart", "--set", "criterion=micro_f1-neutrl"], "did you mean 'micro_f1-neut"),
            (["quickstart", "--set", "criterion=acc7"], "criterion of study 'quickstart': unknown"),
            (["quickstart", "--set", "report.metric=secondss"], "did you mean 'seconds'?"),
            (["quickstart", "--set", "base.criterion=uar"], "write criterion at the top of the"),
            (["quickstart", "--set", "factors.criterion=[uar, accuracy]"], "criteria do not comp"),
        ],
    )
    def test_a_mistake_on_the_command_line(self, home: Path, words: list[str], said: str) -> None:
        assert said in refused(run(home, *words))
        assert not home.exists()

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"factors": {"bach_size": [4, 8]}}, "did you mean 'batch_size'?"),
            ({"factors": {"backbone": ["recurrent", "transfomer"]}}, "did you mean 'transformer'?"),
            ({"factors": {}}, "the space is empty"),
            (
                {"factors": {"batch_size": {"levels": [4, 8], "when": {"objective": ["sslcl"]}}}},
                "unknown factor 'objective' in ",
            ),
            (
                {"search": {"trials": 2, "fixed": {"objective": "ssclc"}}},
                "unknown level 'ssclc'",
            ),
            ({"dataset": "synthetc"}, "did you mean 'synthetic'?"),
            ({"base": {"backbone": "gru"}}, "unknown backbone 'gru'"),
            ({"base": {"hidden_size": 0}}, "hidden_size"),
            ({"factors": {"modalities": ["text", "text+speech"]}}, "unknown modality 'speech'"),
            ({"factors": {"augmentation": ["text", "text-tex"]}}, "did you mean 'text'?"),
            ({"serach": {"trials": 2}}, "did you mean 'search'?"),
            ({"search": {"trials": "many"}}, "search.trials"),
            ({"search": None}, "no phase"),
        ],
    )
    def test_a_mistake_in_the_file(
        self, home: Path, file: Callable[..., str], changes: dict[str, Any], said: str
    ) -> None:
        assert said in refused(run(home, file(**changes)))
        assert not home.exists()

    def test_a_file_that_is_not_yaml(self, home: Path, tmp_path: Path) -> None:
        path = tmp_path / "small.yaml"
        path.write_text("study: [small\nfactors: {")
        assert "not valid YAML" in refused(run(home, str(path)))
        assert not home.exists()


class TestPlugins:
    @pytest.fixture
    def plugin(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.setenv("SSLCL_PLUGINS", "")
        path = tmp_path / "mine.py"
        path.write_text(
            "from sslcl.backbones.utterance import Utterance\n"
            "class Mine(Utterance):\n    name = 'mine'\n"
        )
        return path

    def test_a_plugins_backbone_is_a_level_like_any_other(
        self, home: Path, file: Callable[..., str], plugin: Path
    ) -> None:
        study = file(factors={"backbone": ["recurrent", "mine"]})
        assert "unknown backbone 'mine'" in refused(run(home, study))
        result = run(home, study, "--plugin", str(plugin), "--dry-run")
        assert result.exit_code == 0, result.output

    def test_a_broken_plugin_is_refused(
        self, home: Path, file: Callable[..., str], plugin: Path
    ) -> None:
        plugin.write_text("import nothing_like_this\n")
        said = refused(run(home, file(), "--plugin", str(plugin)))
        assert f"plugin {plugin}:1: ModuleNotFoundError" in said
        assert not home.exists()

    @pytest.mark.slow
    def test_a_plugins_backbone_is_trained_by_ray_and_replayed(
        self, home: Path, file: Callable[..., str], plugin: Path
    ) -> None:
        study = file(base={**STUDY["base"], "backbone": "mine"}, factors={"batch_size": [4, 8]})
        # In processes of their own: Ray's workers inherit nothing but what the command gives them.
        words = ["--plugin", str(plugin), "--home", str(home)]
        ran = self.command("study.run", study, "--workers", "1", *words)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        with closing(Ledger.at(Home(home))) as ledger:
            rows = ledger.trials("small")
        assert {(row.config.backbone, row.status.value) for row in rows} == {("mine", "COMPLETE")}
        again = self.command("study.replay", rows[0].id, *words)
        assert again.returncode == 0, again.stdout + again.stderr

    def command(self, module: str, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", module, *words], capture_output=True, text=True, check=False
        )


class TestCommandLine:
    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (["quickstart", "--workers", "0"], "--workers"),
            (["quickstart", "--gpus-per-trial", "-1"], "--gpus-per-trial"),
            (["quickstart", "--gpus-per-trial", "atuo"], "--gpus-per-trial"),
            (["quickstart", "--set", "resources.gpus_per_trial=atuo"], "nor auto"),
            (["quickstart", "--set", "resources.gpus_per_trial=-1"], "nor auto"),
            (["quickstart", "--workers", "two"], "'two' is not a valid integer"),
            (["quickstart", "--worker", "2"], "--workers"),
            (["quickstart", "--dryrun"], "--dry-run"),
            (["quickstart", "again"], "unexpected extra argument"),
            ([], "Missing argument 'STUDY'"),
        ],
    )
    def test_a_word_that_does_not_fit(self, home: Path, words: list[str], said: str) -> None:
        assert said in refused(run(home, *words))
        assert not home.exists()

    @pytest.mark.parametrize(
        ("design", "cells"), [("leave_one_out", "15"), ("search", None), ("one_factor", "3")]
    )
    def test_a_design_for_a_study_that_has_none_or_another(
        self, home: Path, file: Callable[..., str], design: str, cells: str | None
    ) -> None:
        written = {"design": "grid", "factors": ["objective", "backbone"], "seeds": 2}
        for ablate in ({}, {"ablate": written})[design == "one_factor" :]:
            result = run(home, file(**ablate), "--design", design, "--dry-run")
            assert result.exit_code == 0, result.output
            row = next((r for r in result.stdout.splitlines() if "│ ablate" in r), None)
            assert (row.split("│")[2].strip() if row else None) == cells
        assert not home.exists()

    def test_a_design_that_varies_factors_asks_for_them(
        self, home: Path, file: Callable[..., str]
    ) -> None:
        said = refused(run(home, file(), "--design", "fractional"))
        assert "ablate.factors is empty: design fractional needs at least one" in said

    def test_more_workers_than_the_one_of_an_exclusive_study(self, home: Path) -> None:
        words = ["quickstart", "--set", "resources.exclusive=true"]
        said = refused(run(home, *words, "--workers", "2"))
        assert "--workers is 2" in said
        assert "exclusive" in said
        said = refused(run(home, *words, "--set", "resources.workers=2"))
        assert "workers is 2 and exclusive is true" in said
        assert not home.exists()
        for own in ([], ["--workers", "1"]):
            shown = run(home, *words, *own, "--dry-run")
            assert shown.exit_code == 0, shown.output
            assert "1 at a time" in shown.stdout

    def test_help_is_no_mistake(self) -> None:
        result = CliRunner().invoke(main, ["--help"])
        assert result.exit_code == 0
        assert "--dry-run" in result.stdout

    def test_replay_answers_likewise(self, home: Path) -> None:
        for words in ([], ["abc", "--hme", "x"], ["abc", "--home", str(home)]):
            refused(CliRunner().invoke(replay, words))
        assert not home.exists()

    def test_a_home_that_is_a_file(self, home: Path, file: Callable[..., str]) -> None:
        home.write_text("in the way")
        for place in (home, home / "inside"):
            assert f"cannot keep results in '{place}'" in refused(run(place, file()))
        assert home.read_text() == "in the way"


def write(path: Path, rows: Rows) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as stream:
        csv.writer(stream, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)


def read(path: Path) -> Rows:
    with path.open(newline="") as stream:
        return list(csv.reader(stream))


def cell(name: str, row: int, column: int, value: str) -> Damage:
    def damage(folder: Path) -> None:
        rows = read(folder / name)
        rows[row][column] = value
        write(folder / name, rows)

    return damage


def shortened(name: str) -> Damage:
    def damage(folder: Path) -> None:
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[:-60])

    return damage


def removed(name: str) -> Damage:
    return lambda folder: (folder / name).unlink()


class TestData:
    @pytest.fixture
    def data(self, tmp_path: Path) -> Path:
        """A data folder with four little videos in MOSI's layout."""
        rng = np.random.default_rng(0)
        folder = tmp_path / "data" / "mosi"
        transcripts: Rows = []
        tables: dict[str, Rows] = {}
        for video, split in (("a", "train"), ("b", "train"), ("c", "train"), ("d", "test")):
            for number in (1, 2):
                label = str(number % 2)
                features = {m: [f"{x:.6g}" for x in rng.normal(size=w)] for m, w in WIDTHS.items()}
                index = [str(len(transcripts)), *features["text"]]
                tables.setdefault(f"text_{split}.csv", []).append(index)
                for modality, values in features.items():
                    name = f"{modality}/{modality}_{split}0.csv"
                    tables.setdefault(name, []).append([*values, label])
                transcripts.append([f"{video}_{number}", "WELL, I LIKED IT", "7", label])
        write(folder / "transcripts.csv", transcripts)
        for name, rows in tables.items():
            write(folder / name, rows)
        return folder.parent

    def mosi(self, data: Path, home: Path, file: Callable[..., str], *words: str) -> Result:
        study = file(dataset="mosi", dataset_options={})
        return run(home, study, "--data-dir", str(data), *words)

    @pytest.mark.parametrize(
        ("damage", "said"),
        [
            (removed("audio/audio_train0.csv"), "audio_train0.csv"),
            (shortened("video/video_test0.csv"), "video_test0.csv"),
            (shortened("transcripts.csv"), "transcripts.csv"),
            (cell("audio/audio_train0.csv", 1, -1, "2"), "label is 2"),
            (cell("text/text_train0.csv", 0, 2, "nan"), "is 'nan'"),
            (cell("transcripts.csv", 6, 0, "a_9"), "video 'a' is also in"),
        ],
    )
    def test_that_is_damaged(
        self, data: Path, home: Path, file: Callable[..., str], damage: Damage, said: str
    ) -> None:
        damage(data / "mosi")
        assert said in refused(self.mosi(data, home, file))
        assert not home.exists()

    def test_that_is_nowhere(
        self,
        tmp_path: Path,
        home: Path,
        file: Callable[..., str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.delenv("SSLCL_DATA", raising=False)
        assert "--data-dir" in refused(self.mosi(tmp_path / "nowhere", home, file))
        assert "SSLCL_DATA" in refused(run(home, "mosi"))
        assert not home.exists()

    def test_that_is_whole_is_taken(self, data: Path, home: Path, file: Callable[..., str]) -> None:
        result = self.mosi(data, home, file, "--dry-run")
        assert result.exit_code == 0, result.output
        assert "plan of small: nothing has been started" in result.stdout
        assert not home.exists()


class TestHome:
    def test_a_database_of_a_newer_program_stays_as_it_is(
        self, home: Path, file: Callable[..., str]
    ) -> None:
        Ledger.at(Home(home)).close()
        database = home / "results.db"
        with closing(sqlite3.connect(database)) as connection, connection:
            connection.execute(f"update meta set value = '{SCHEMA_VERSION + 1}'")
        before = hashlib.sha256(database.read_bytes()).hexdigest()
        for words in ([], ["--dry-run"]):
            said = refused(run(home, file(), *words))
            assert f"schema version {SCHEMA_VERSION + 1}" in said
        assert hashlib.sha256(database.read_bytes()).hexdigest() == before

    def test_something_else_under_the_databases_name(
        self, home: Path, file: Callable[..., str]
    ) -> None:
        home.mkdir()
        (home / "results.db").write_text("these are my results\n" * 100)
        assert "results.db" in refused(run(home, file()))
        assert (home / "results.db").read_text() == "these are my results\n" * 100

    def test_a_second_driver(self, home: Path, file: Callable[..., str]) -> None:
        with only_driver(Home(home)):
            assert "another study is running in" in refused(run(home, file()))
        assert [path.name for path in home.iterdir()] == ["driver.lock"]

    def test_a_dry_run_beside_a_driver(self, home: Path, file: Callable[..., str]) -> None:
        with only_driver(Home(home)):
            assert run(home, file(), "--dry-run").exit_code == 0
