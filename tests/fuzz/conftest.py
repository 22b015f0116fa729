"""What mangled command lines write, they write in a folder of the test."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files whose names are relative go where the test ends."""
    monkeypatch.chdir(tmp_path)
