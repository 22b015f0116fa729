"""The studies that ship are what their page says of them."""

import re
import shlex
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

from search_spaces import Study, load_study, study_names
from sslcl.command import run
from study.design.data_facts import DataFacts
from study.design.folds import plan_of_parts
from study.design.plan import Plan, Winners
from study.run import main

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "studies" / "index.md"
MODALITIES = {
    "synthetic": ("text", "audio", "video"),
    "mosi": ("text", "audio"),  # With an encoder.
    "meld": ("text", "timing"),
    "path": ("text",),
}
SESSIONS = ("Ses01", "Ses02", "Ses03", "Ses04", "Ses05")
OPEN = (
    "objective",
    "batch_size",
    "augmentation",
    "balance",
    "label_depth",
    "tasks",
    "architectures",
    "similarity",
    "efficiency",
    "components",
    "failure_modes",
    "recovery",
)
"""One for each question that the paper left open."""
SIMULATED = ("efficiency", "failure_modes", "recovery")


@cache
def listed() -> dict[str, list[str]]:
    """The cells of each study's line on the page, by its name."""
    lines = re.findall(r"^\| `(\w+)` \| (.*) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return {name: [cell.strip() for cell in cells.split("|")] for name, cells in lines}


def variants() -> list[tuple[str, list[str]]]:
    """Name and further words of each command of the page's block."""
    text = PAGE.read_text(encoding="utf-8").replace("\\\n", " ")
    lines = re.findall(r"^python -m study\.run (\w+) (.*)$", text, re.MULTILINE)
    # Its own folder is a path that exists, as the reader's is.
    return [(name, shlex.split(words.replace("PATH", str(PAGE.parent)))) for name, words in lines]


def values(words: list[str], option: str) -> list[str]:
    return [value for word, value in pairwise(words) if word == option]


def planned(study: Study) -> Plan:
    folds: tuple[str, ...] = SESSIONS if study.folds == "session" else ()
    if study.folds and not folds:
        folds = tuple(str(number) for number in range(1, int(study.folds) + 1))
    data = DataFacts("0" * 64, MODALITIES[study.dataset], folds)
    return plan_of_parts(study, data, (Winners(),) * max(len(folds), 1))


@pytest.mark.parametrize("name", study_names())
def test_every_study_has_its_line_with_its_command(name: str) -> None:
    study = load_study(name, [])
    data = "" if study.dataset == "synthetic" else " --data-dir PATH"
    given = " --data PATH" if name == "released" else data
    assert listed()[name][-1] == f"`python -m study.run {name}{given}`"


def test_the_page_lists_what_ships() -> None:
    assert set(listed()) == set(study_names())
    assert list(listed())[: len(OPEN)] == list(OPEN)


@pytest.mark.parametrize("name", OPEN)
def test_a_study_of_an_open_question_trains_as_many_trials_as_told(name: str) -> None:
    phases = planned(load_study(name, [])).phases
    least = sum(len(phase.trials) for phase in phases)
    most = least + sum(len(phase.reserve) for phase in phases)
    assert listed()[name][2] == (f"{least}" if least == most else f"{least} to {most}")


@pytest.mark.parametrize("name", OPEN)
def test_a_study_of_an_open_question_asks_before_it_runs(name: str) -> None:
    study = load_study(name, [])
    assert study.description
    assert 2 <= len(study.questions) <= 4
    ablation = planned(study).phases[-1]
    assert ablation.notes == ()
    if study.ablate and study.ablate.design == "leave_one_out":
        asked = {question.cell for question in study.questions.values()}
        assert asked <= set(ablation.cells)


@pytest.mark.parametrize("name", sorted(set(OPEN) - {"efficiency"}))
def test_rows_are_trained_until_they_converge(name: str) -> None:
    assert load_study(name, []).base_config(0).stop == "converged"


@pytest.mark.medium
@pytest.mark.parametrize("name", SIMULATED)
def test_a_simulated_study_dry_runs(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(main, [name, "--dry-run", "--home", str(tmp_path / "runs")]) == 0
    told = " ".join(capsys.readouterr().out.split())
    warnings = re.findall(r"warning: (\w+ \S+)", told)
    assert warnings == (["ablate hidden_size=16:"] if name == "failure_modes" else [])


@pytest.mark.parametrize("line", variants(), ids=lambda line: line[0])
def test_studies_that_are_asked_again_are_read_as_written(line: tuple[str, list[str]]) -> None:
    name, words = line
    study = load_study(name, values(words, "--set"), next(iter(values(words, "--data")), None))
    assert study.name.startswith(f"{name}_")
    assert study.dataset != "synthetic"
    assert planned(study).phases[-1].notes == ()
