"""docs/reliability.md names tests that there are."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
KILLED = ["driver", "worker", "raylet", "head", "MLflow server", "PostgreSQL server"]
COUNTED = PAGE[PAGE.index("| process | SIGKILLs |") : PAGE.index("## Somebody stops it")]
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)


def test_every_promise_names_a_test() -> None:
    rows = [
        line
        for line in PAGE.replace(COUNTED, "").splitlines()
        if line.startswith("| ") and not line.endswith("| test |")
    ]
    assert len(rows) == len(NAMED)


def test_the_kills_add_up() -> None:
    rows = re.findall(r"^\| ([\w ]+) \| (\d+) \| (.*) \|$", COUNTED, re.MULTILINE)
    assert [process for process, _, _ in rows] == KILLED
    for _, kills, where in rows:
        in_files = re.findall(r"(\d+) in (?:`(test_\w+\.py)`|that)", where)
        assert sum(int(number) for number, _ in in_files) == int(kills)
        assert all(list((ROOT / "tests").rglob(file)) for _, file in in_files if file)
    total = sum(int(kills) for _, kills, _ in rows)
    assert total >= 30
    assert f"That is {total} in all" in COUNTED


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
