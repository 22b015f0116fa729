"""docs/reliability.md names tests that there are."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)


def test_every_promise_names_a_test() -> None:
    rows = [
        line
        for line in PAGE.splitlines()
        if line.startswith("| ") and not line.endswith("| test |")
    ]
    assert len(rows) == len(NAMED)


@pytest.mark.parametrize(("file", "test"), NAMED)
def test_the_named_test_is_there(file: str, test: str) -> None:
    text = (ROOT / file).read_text(encoding="utf-8")
    assert re.search(rf"^(def|class) {test}\b", text, re.MULTILINE)


def test_the_number_of_mangled_kinds_is_right() -> None:
    kinds = sum(
        len(re.findall(r"^@FUZZED$", path.read_text(), re.MULTILINE))
        for path in (ROOT / "tests" / "fuzz").glob("test_*.py")
    )
    assert f"each of {kinds} kinds" in PAGE
