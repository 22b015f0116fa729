"""Reports are drawn when they would show something new, and only then."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sslcl.config import TrialConfig
from study.saved_reports import save_reports
from tracking.home import Home
from tracking.ledger import Ledger
from tracking.records import Phase, PlannedTrial

from .execution.mortal import open_ledger
from .execution.simulated import make_study, outcome, put_study

TRIAL = PlannedTrial("t", Phase.CONFIRM, "rank1", "i", TrialConfig())


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = open_ledger(tmp_path)
    put_study(opened, make_study())
    opened.plan("sim", Phase.CONFIRM, [TRIAL], replace=True)
    yield opened
    opened.close()


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The pages that were drawn, in order."""
    pages: list[Path] = []

    def save_html(ledger: Ledger, study_name: str, home: Home) -> Path:
        page = home.page(study_name)
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text("page")
        pages.append(page)
        return page

    monkeypatch.setattr("study.reporting.html.save_html", save_html)
    monkeypatch.setattr("study.reporting.report.save_report", lambda ledger, name, home: [])
    return pages


def test_once_for_the_same_results(tmp_path: Path, ledger: Ledger, drawn: list[Path]) -> None:
    home = Home(tmp_path)
    assert save_reports(ledger, "sim", home) == save_reports(ledger, "sim", home) == drawn
    assert drawn == [home.page("sim")]


@pytest.mark.parametrize("change", ["trial", "study", "file", "record"])
def test_again_after_a_change(
    tmp_path: Path, ledger: Ledger, drawn: list[Path], change: str
) -> None:
    home = Home(tmp_path)
    save_reports(ledger, "sim", home)
    if change == "trial":
        ledger.start(TRIAL.id)
        ledger.complete(TRIAL.id, outcome(TRIAL.config, 1, ("validation", "test")))
    elif change == "study":
        ledger.set_study_status("sim", "STOPPED")
    elif change == "file":
        home.page("sim").unlink()
    else:
        (home.reports("sim") / "written.json").write_text("{")
    save_reports(ledger, "sim", home)
    save_reports(ledger, "sim", home)
    assert len(drawn) == 2
