"""When to stop, and what a run depends on."""

import os
import signal
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from study.execution import environment as environment_module
from study.execution.environment import RECORDED_PACKAGES, environment
from study.execution.resources import Halt


class TestHalt:
    def test_without_a_budget_nothing_stops_it_but_a_person(self) -> None:
        halt = Halt()
        assert not halt()
        halt.signalled = True
        assert halt()
        assert not halt.spent

    def test_a_spent_budget_stops_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        now = [100.0]
        monkeypatch.setattr("study.execution.resources.time.monotonic", lambda: now[0])
        halt = Halt(seconds=60)
        now[0] = 160.0
        assert not halt()
        now[0] = 160.5
        assert halt()
        assert halt.spent
        assert not halt.signalled

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
    def test_the_first_signal_asks_it_to_stop_and_says_so(self, number: int) -> None:
        # What nohup starts has the loss of its terminal ignored.
        hangup = signal.signal(signal.SIGHUP, signal.SIG_DFL)
        before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
        said = StringIO()
        halt = Halt()
        with halt.listening(Console(file=said)):
            os.kill(os.getpid(), number)
            assert halt()
            assert halt.signalled
        assert "stopping" in said.getvalue()
        assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
        signal.signal(signal.SIGHUP, hangup)

    def test_a_lost_terminal_is_ignored_where_that_was_asked_for(self) -> None:
        hangup = signal.signal(signal.SIGHUP, signal.SIG_IGN)
        halt = Halt()
        with halt.listening(Console(file=StringIO())):
            os.kill(os.getpid(), signal.SIGHUP)
            assert not halt()
        signal.signal(signal.SIGHUP, hangup)

    def test_a_second_ctrl_c_stops_at_once(self) -> None:
        # A shell starts what runs in the background with the signal ignored.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        with Halt().listening(Console(file=StringIO())):
            os.kill(os.getpid(), signal.SIGINT)
            with pytest.raises(KeyboardInterrupt):
                os.kill(os.getpid(), signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


class TestEnvironment:
    def test_it_names_versions_machine_and_commit(self) -> None:
        facts = environment()
        assert {*RECORDED_PACKAGES, "python", "system", "processors", "memory_mb", "gpu"} <= set(
            facts
        )
        assert facts["torch"] != "not installed"
        assert all(isinstance(value, str | int | bool) for value in facts.values())
        assert "commit" in facts

    def test_without_git_the_commit_is_unknown(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        facts = environment()
        assert facts["commit"] == "unknown"
        assert "uncommitted_changes" not in facts

    def test_uncommitted_changes_are_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for status, expected in ((" M study/run.py", True), ("", False)):
            answers = iter(["abc123", status])
            monkeypatch.setattr(environment_module, "_git", lambda *a, given=answers: next(given))
            facts = environment()
            assert (facts["commit"], facts["uncommitted_changes"]) == ("abc123", expected)
