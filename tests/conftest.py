"""Fixtures shared by all tests."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder with the real datasets; skips where there is none."""
    folder = Path(os.environ.get("SSLCL_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / "mosi" / "transcripts.csv").is_file():
        pytest.skip(f"no real data at {folder}: set SSLCL_DATA to a folder with mosi/ in it")
    return folder
