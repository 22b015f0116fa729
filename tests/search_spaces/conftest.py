"""Loading what a test writes."""

from pathlib import Path
from typing import Any

import pytest

from search_spaces import Study, load_study

from .small import write


@pytest.fixture
def load(tmp_path: Path) -> Any:
    def load(content: object, *overrides: str, data: str | None = None) -> Study:
        return load_study(write(tmp_path, content), overrides, data)

    return load
