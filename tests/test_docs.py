"""The reference pages are what the code says, and every page has its place on the site."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from tracking.home import Home

DOCS = Path(__file__).resolve().parents[1] / "docs"


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, DOCS / "site" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


reference = load("reference")
ledgers = load("ledgers")
KEPT = sorted(ledgers.STUDIES.glob("*.sql.xz"))


@pytest.mark.parametrize("name", reference.PAGES)
def test_reference_pages_are_what_the_code_says(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    written = (DOCS / name).read_text(encoding="utf-8")
    assert written == reference.PAGES[name](), "run python docs/site/reference.py"


def test_every_key_of_a_study_file_has_a_meaning() -> None:
    keys = re.findall(r"^\| `(\w+)` \| .*? \| (.*) \|$", reference.study_file(), re.MULTILINE)
    assert len(keys) > 80
    assert [key for key, meaning in keys if not meaning] == []


def test_every_page_has_its_place_on_the_site() -> None:
    settings = yaml.safe_load((DOCS.parent / "mkdocs.yml").read_text(encoding="utf-8"))
    listed = set(re.findall(r"[\w/-]+\.md", str(settings["nav"])))
    assert listed == {str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md")}


def test_links_out_of_the_docs_become_paths() -> None:
    rewrite = load("hooks").on_page_markdown
    assert rewrite("see [`a.py`](../sslcl/a.py), [b](b.md)") == "see `sslcl/a.py`, [b](b.md)"
    assert rewrite("the [example](../examples/plugin)") == "the example (`examples/plugin`)"


@pytest.mark.medium
@pytest.mark.parametrize("kept", KEPT, ids=lambda path: path.name)
def test_the_page_of_a_study_is_what_its_ledger_says(kept: Path, tmp_path: Path) -> None:
    study_name = kept.name.removesuffix(".sql.xz")
    page = ledgers.write_page(ledgers.restored(kept, Home(tmp_path)), study_name, tmp_path)
    assert page.with_suffix(".png").is_file()
    assert page.read_text() == (ledgers.STUDIES / page.name).read_text()


def test_every_answer_is_on_the_page_of_answers() -> None:
    answers = (ledgers.STUDIES / "answers.md").read_text()
    pages = {kept.name.removesuffix(".sql.xz") for kept in KEPT}
    assert set(re.findall(r"^\| \[(\w+)\]", answers, re.MULTILINE)) == pages
    for name in pages:
        page = (ledgers.STUDIES / f"{name}.md").read_text()
        (answer,) = re.findall(r"^\*\*Answer\.\*\* (.*)$", page, re.MULTILINE)
        assert f"| {answer} |" in answers


def test_the_tables_of_the_readme_are_those_of_the_pages() -> None:
    readme = (DOCS.parent / "README.md").read_text()
    (name, table) = re.findall(
        r"^\*\*Ablation of (\w+)\*\*\n\n((?:\|.*\n)+)", readme, re.MULTILINE
    )[0]
    assert table in (ledgers.STUDIES / f"{name}.md").read_text()
