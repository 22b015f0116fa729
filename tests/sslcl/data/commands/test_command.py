"""``python -m sslcl.data``."""

import subprocess
import sys
from pathlib import Path

import pytest

from sslcl.command import run
from sslcl.data import CATALOG, load_dataset
from sslcl.data.__main__ import COMMANDS, main


def call(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setenv("COLUMNS", "120")
    return run(main, [*arguments])


def test_list_names_every_dataset(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "list") == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in CATALOG.names())


def test_describe_says_synthetic_and_gives_the_ceiling(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "describe", "synthetic") == 0
    shown = capsys.readouterr().out
    assert "SYNTHETIC" in shown
    assert "ceiling_weighted_f1" in shown
    assert load_dataset("synthetic").fingerprint in shown
    assert "surprise" in shown


def test_describe_real_data(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], data_dir: Path
) -> None:
    assert call(monkeypatch, "describe", "mosi", "--data-dir", str(data_dir)) == 0
    shown = capsys.readouterr().out
    assert "752" in shown
    assert "SYNTHETIC" not in shown


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("syntetic",), "did you mean 'synthetic'"),
        (("mosi", "--data-dir", "/nowhere"), "SSLCL_DATA"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    expected: str,
) -> None:
    assert call(monkeypatch, "describe", *arguments) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.count("\n") == 1
    assert expected in told.err


def test_help_names_every_command_and_imports_none() -> None:
    script = (
        "import sys\nfrom sslcl.command import run\nfrom sslcl.data.__main__ import main\n"
        "run(main, ['--help'])\n"
        "print({'torch', 'numpy', 'pandas'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert all(f"\n  {name} " in done.stdout for name in COMMANDS)
    assert done.stdout.splitlines()[-1] == "set()"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_there(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(main, [name, "--help"]) == 0
    assert name in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["descrieb"], ["describe"], ["list", "--nonsense"]])
def test_a_mistaken_command_line_is_one_line(
    capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert run(main, arguments) == 2
    told = capsys.readouterr()
    assert (told.out, told.err.count("\n")) == ("", 1)
    assert told.err.startswith("error: ")
