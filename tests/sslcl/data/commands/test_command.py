"""``python -m sslcl.data``."""

import sys
from pathlib import Path

import pytest

from sslcl.data import CATALOG, load_dataset
from sslcl.data.__main__ import run


def call(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["sslcl.data", *arguments])
    monkeypatch.setenv("COLUMNS", "120")
    with pytest.raises(SystemExit) as ended:
        run()
    return int(ended.value.code or 0)


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
