"""Fixtures shared by all tests."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from jaxtyping import install_import_hook

# Shapes that the code states are checked wherever a test runs it.
install_import_hook(
    ("sslcl.similarities", "sslcl.objectives", "sslcl.label_embedding", "sslcl.logit_scale"),
    "beartype.beartype",
)

settings.register_profile("any machine", deadline=None)
settings.register_profile("full", deadline=None, max_examples=10_000)
settings.load_profile("any machine")

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache for this run alone, unless one is named: nothing is left in the user's own."""
    if named := os.environ.get("SSLCL_CACHE"):
        yield Path(named)
        return
    folder = tmp_path_factory.mktemp("cache")
    os.environ["SSLCL_CACHE"] = str(folder)
    yield folder
    del os.environ["SSLCL_CACHE"]


@pytest.fixture(scope="session", autouse=True)
def folder_of_ray() -> Iterator[None]:
    """A folder of Ray's for each process that tests: none finds the cluster of another's test."""
    if "RAY_TMPDIR" in os.environ:
        yield
        return
    # Ray's sockets lie in it, and their paths may not be long.
    os.environ["RAY_TMPDIR"] = tempfile.mkdtemp(prefix="ray-", dir="/tmp")
    yield
    shutil.rmtree(os.environ.pop("RAY_TMPDIR"), ignore_errors=True)


@pytest.fixture(autouse=True)
def environment_as_it_was() -> Iterator[None]:
    """No test hands the next one of its process a variable, as MLflow's clients set one."""
    before = dict(os.environ)
    yield
    for name in os.environ.keys() - before.keys():
        del os.environ[name]
    os.environ.update(before)


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder with the real datasets; skips where there is none."""
    folder = Path(os.environ.get("SSLCL_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / "mosi" / "transcripts.csv").is_file():
        pytest.skip(f"no real data at {folder}: set SSLCL_DATA to a folder with mosi/ in it")
    return folder
