"""No file is longer, and no folder fuller, than can be taken in at one sitting."""

from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("search_spaces", "sslcl", "study", "tracking")
LINES = 400
MODULES = 18
FILES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def test_no_file_is_too_long() -> None:
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for path in FILES
    }
    assert {name: lines for name, lines in lengths.items() if lines > LINES} == {}


def test_no_folder_holds_too_many_modules() -> None:
    modules = Counter(
        str(path.parent.relative_to(ROOT)) for path in FILES if path.name != "__init__.py"
    )
    assert set(PACKAGES) <= set(modules)
    assert {folder: count for folder, count in modules.items() if count > MODULES} == {}
