"""What a person sees while a phase runs."""

import re
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from sslcl.config import TrialConfig
from study.execution.progress import PLAIN_SECONDS, PhaseProgress, duration
from tracking.records import Phase, Status
from tracking.rows import TrialRow


def row(status: Status, score: float | None = None) -> TrialRow:
    return TrialRow("a", "s", Phase.SEARCH, "trial0", "i", TrialConfig(), status, score=score)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr("study.execution.progress.time.monotonic", made)
    return made


def test_plain_lines_where_there_is_no_terminal(clock: Clock) -> None:
    said = StringIO()
    with PhaseProgress(Console(file=said, width=100), "search", 4) as progress:
        progress.epoch()
        clock.now += PLAIN_SECONDS + 1
        progress.ended(row(Status.COMPLETE, 0.5))
        progress.ended(row(Status.COMPLETE, 0.6))
        clock.now += 84
        progress.ended(row(Status.PRUNED, 0.9))
    lines = said.getvalue().splitlines()
    assert len(lines) == 2  # what the second one said is not said again at the end
    assert all("\x1b" not in line for line in lines)
    assert lines[0] == "search: 1/4  1 epochs, about 48 s left, best validation score 50.00"
    assert lines[1].startswith(
        "search: 3/4  1 epochs, about 33 s left, best validation score 60.00"
    )
    assert lines[1].endswith("1 pruned")


def test_no_estimate_before_the_first_end_and_after_the_last(clock: Clock) -> None:
    said = StringIO()
    with PhaseProgress(Console(file=said, width=100), "ablate", 1) as progress:
        progress.epoch()
        clock.now += 60
        assert "left" not in progress._note()
        progress.ended(row(Status.FAILED))
    assert said.getvalue().splitlines()[-1] == "ablate: 1/1  1 epochs, 1 failed"


def test_cached_trials_count_for_the_best_score(clock: Clock) -> None:
    progress = PhaseProgress(Console(file=StringIO()), "confirm", 3)
    progress.ended(row(Status.CACHED, 0.75))
    assert "best validation score 75.00" in progress._note()
    assert "1 cached" in progress._note()


def test_a_terminal_gets_a_bar_and_no_lines(clock: Clock) -> None:
    said = StringIO()
    console = Console(file=said, force_terminal=True, width=120)
    with PhaseProgress(console, "search", 2) as progress:
        progress.ended(row(Status.COMPLETE, 0.5))
        progress.ended(row(Status.COMPLETE, 0.5))
    assert "2/2" in said.getvalue()
    assert "search: 2/2" not in said.getvalue()


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (0.4, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 0 s"),
        (80, "1 min 20 s"),
        (3599, "59 min 59 s"),
        (3600, "1 h 0 min"),
        (3600 * 26 + 61, "26 h 1 min"),
    ],
)
def test_durations_are_said_as_a_person_says_them(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@given(st.floats(0, 1e7))
def test_durations_lose_less_than_a_minute(seconds: float) -> None:
    units = {"h": 3600, "min": 60, "s": 1}
    found = re.findall(r"(\d+) (h|min|s)", duration(seconds))
    assert 0 <= round(seconds) - sum(int(n) * units[unit] for n, unit in found) < 60
