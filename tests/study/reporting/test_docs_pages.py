"""Pages of a documentation site: what the ledger says, and nothing that changes by itself."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sslcl.command import run
from study.report import main
from study.reporting.docs import save_page
from study.reporting.docs.answers import answers
from study.reporting.report import report_table
from tracking.home import Home
from tracking.ledger import Ledger

from ..reported import CELLS, SEEDS, fill, planned, put_study
from .rich import SPEC, fill_rich


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "runs")


@pytest.fixture
def rich(home: Home) -> Iterator[Ledger]:
    home.folder.mkdir()
    ledger = Ledger.at(home)
    fill_rich(ledger)
    yield ledger
    ledger.close()


def test_a_page_has_question_answer_command_picture_table_and_methods(
    rich: Ledger, home: Home
) -> None:
    path = save_page(rich, "demo", home, home.docs / "demo.md")
    text = path.read_text()
    table = report_table(rich, "demo")
    assert text.startswith(f"# demo\n\n*{SPEC['description']}*\n\n**Answer.** ")
    assert "```sh\npython -m study.run demo\n```" in text
    assert "](demo.png)" in text
    assert (home.docs / "demo.png").read_bytes().startswith(b"\x89PNG")
    for row in table.rows:
        if not row.is_reference:
            assert f"| {table.unit.number(row.difference, signed=True)} |" in text
    assert table.methods in text.replace("\\", "")
    assert "python -m study.report demo --format docs" in text


def test_a_study_of_a_cost_answers_with_the_cost(tmp_path: Path) -> None:
    home = Home(tmp_path)
    ledger = Ledger.at(home)
    asked = {"cell": {"batch_size": 8}, "side": "two", "smallest_difference": None}
    questions = {"Do small batches cost?": asked}
    put_study(ledger, spec={"report": {"metric": "seconds"}, "questions": questions})

    def cost(cell: str, seed: int) -> dict[str, float]:
        return {"seconds": 9.0 * (cell == "batch_size=8") + 20 + seed / 1000}

    fill(ledger, [planned(cell, seed) for seed in SEEDS for cell in CELLS], CELLS, cost)
    text = save_page(ledger, "demo", home, tmp_path / "demo.md").read_text()
    ledger.close()
    assert "**Answer.** Do small batches cost? batch_size=8 +9.00" in text.replace("\\", "")
    assert "Differences in Training time, s, less is better, on synthetic." in text
    assert "Weighted F1" not in text


def test_the_same_ledger_gives_the_same_page(rich: Ledger, home: Home) -> None:
    first, second = home.docs / "a" / "demo.md", home.docs / "b" / "demo.md"
    for path in (first, second):
        save_page(rich, "demo", home, path)
    assert first.read_bytes() == second.read_bytes()
    assert first.with_suffix(".png").read_bytes() == second.with_suffix(".png").read_bytes()


def test_answers_name_what_is_decided_with_its_interval(tmp_path: Path) -> None:
    ledger = Ledger.at(Home(tmp_path))
    put_study(ledger)
    fill(ledger, [planned(cell, seed) for cell in CELLS for seed in SEEDS], CELLS)
    table = report_table(ledger, "demo")
    worse = next(row for row in table.rows if row.cell == "similarity=dot")
    assert worse.ci_low_corrected is not None
    assert worse.ci_high_corrected is not None
    said = list(answers(table))
    low, high = (100 * end for end in (worse.ci_low_corrected, worse.ci_high_corrected))
    interval = f"[{low:+.2f}, {high:+.2f}]".replace("-", "−")
    assert said[0].startswith("Worse than the reference: similarity=dot −")
    assert interval in said[0]
    assert not any(sentence.startswith("Better") for sentence in said)
    assert sum("batch_size=8" in sentence for sentence in said) == 1
    ledger.close()


def test_planned_questions_are_what_is_answered(tmp_path: Path) -> None:
    ledger = Ledger.at(Home(tmp_path))
    question = {"cell": {"similarity": "dot"}, "side": "less", "smallest_difference": None}
    put_study(ledger, spec={"questions": {"Is dot worse?": question}})
    fill(ledger, [planned(cell, seed) for seed in SEEDS for cell in CELLS], CELLS)
    (said,) = answers(report_table(ledger, "demo"))
    assert said.startswith("Is dot worse? similarity=dot −")
    assert " ≤ −" in said
    assert said.endswith(": worse.")
    ledger.close()


def test_the_command_writes_the_page_and_the_page_of_answers(
    rich: Ledger, home: Home, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    words = ["--home", str(home.folder), "--format", "docs"]
    assert run(main, ["demo", *words]) == 0
    assert capsys.readouterr().out.strip() == str(home.docs / "demo.md")
    put_study(rich, "empty")
    assert run(main, ["demo", "empty", *words]) == 2
    assert "of 'empty' has finished" in capsys.readouterr().err
    index = tmp_path / "index.md"
    assert run(main, ["demo", "demo", *words, "--out", str(index)]) == 0
    assert index.read_text().count("| [demo](demo.md) | What earns its place. | ") == 2


@pytest.mark.parametrize(
    ("extra", "says"),
    [
        (["--metric", "accuracy"], "--format docs shows everything"),
        (["--out", "page.txt"], "expected a name that ends in .md"),
        (["--out", "nowhere/page.md"], "no such folder"),
    ],
)
def test_what_does_not_go_with_docs_is_one_line(
    rich: Ledger, home: Home, extra: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(main, ["demo", "--home", str(home.folder), "--format", "docs", *extra]) == 2
    assert says in capsys.readouterr().err
