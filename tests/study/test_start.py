"""What commands import before they answer, seen in one fresh interpreter for all steps."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from sslcl.command import run
from sslcl.data import load_dataset
from study.design.data_facts import DataFacts
from study.run import main

from .execution.mortal import open_ledger
from .execution.simulated import SPACE, make_study
from .execution.simulator import World

ROOT = Path(__file__).resolve().parents[2]
CONTENT: dict[str, Any] = {
    **SPACE,
    "dataset_options": {"conversations": 14},
    "base": {"epochs": 2, "hidden_size": 8, "label_embedding_width": 8},
    "search": {"trials": 2, "sampler": "random"},
    "confirm": {"top": 1, "seeds": 2},
    "ablate": {"factors": ["objective"], "seeds": 2},
}
STEPS = """
import contextlib, io, json, sys, time

HEAVY = ("torch", "ray", "matplotlib", "mlflow", "optuna", "scipy", "sklearn", "pandas", "numpy")
steps = {}


def step(name, module, *words):
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        imported = __import__(module, fromlist=["main"])
        from sslcl.command import run
        code = run(imported.main, words)
    loaded = [library for library in HEAVY if library in sys.modules]
    steps[name] = {"code": code, "said": said.getvalue(), "loaded": loaded}


study, home = sys.argv[1:]
step("help", "study.run", "--help")
step("help of replay", "study.replay", "--help")
step("dry run", "study.run", study, "--home", home + "-new", "--dry-run")
step("dry run of a finished study", "study.run", study, "--home", home, "--dry-run")
step("run of a finished study", "study.run", study, "--home", home)
print(json.dumps(steps))
"""


@pytest.fixture(scope="module")
def steps(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What each step of a session said and had imported by its end, one after the other."""
    folder = tmp_path_factory.mktemp("start")
    home, file = folder / "runs", folder / "sim.yaml"
    file.write_text(yaml.safe_dump(CONTENT))
    home.mkdir()
    ledger = open_ledger(home)
    study = make_study(**CONTENT)
    dataset = load_dataset(study.dataset, study.dataset_options)
    world = World(home, ledger, study, storage=None, data=DataFacts.of(dataset))
    assert world.campaign(dataset)[0]
    for row in world.rows(None):
        ledger.set_mirrored(row.id, row.revision)
    ledger.close()
    assert run(main, [str(file), "--home", str(home)]) == 0, "this one draws the report"
    done = subprocess.run(
        [sys.executable, "-c", STEPS, str(file), str(home)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@pytest.mark.parametrize("name", ["help", "help of replay"])
def test_help_imports_no_heavy_library(steps: dict[str, Any], name: str) -> None:
    assert steps[name]["code"] == 0
    assert "--home" in steps[name]["said"]
    assert steps[name]["loaded"] == []


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("dry run", "nothing has been started"),
        ("dry run of a finished study", "nothing is left to train"),
        ("run of a finished study", "nothing left to train"),
        ("run of a finished study", "ablation.png"),
    ],
)
def test_what_trains_nothing_needs_neither_workers_nor_pictures_nor_mlflow(
    steps: dict[str, Any], name: str, said: str
) -> None:
    assert steps[name]["code"] == 0
    assert said in steps[name]["said"]
    assert not {"ray", "matplotlib", "mlflow"} & set(steps[name]["loaded"])
