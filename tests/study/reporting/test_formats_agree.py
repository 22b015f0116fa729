"""The most read tables show the same numbers in every format, digit for digit."""

import csv
import io
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from sslcl.command import run
from study.report import main
from study.reporting.effects_table import effects_table
from study.reporting.formats import render
from study.reporting.html.templates import html_table
from study.reporting.importance_table import importance_table
from study.reporting.pivot_table import pivot_table
from study.reporting.rank_table import rank_levels, ranks_table
from study.reporting.report import ReportOptions, reading_of, report_table
from study.reporting.table import Table
from study.reporting.terminal import terminal_text
from study.reporting.units import p_text, unit_of
from tracking.home import Home
from tracking.ledger import Ledger
from tracking.records import Phase

from ..crossed import SPEC, grid_ledger
from ..reported import LABELS
from .page import Page
from .rich import fill_rich
from .test_rank_table import STUDIES, put_studies

TABLES = ("ablation", "confirmation", "effects", "importance", "pivot", "ranks")
FULL_WIDTH = 400
"""Columns of a terminal that leave no column out."""
Rows = list[tuple[str, ...]]


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Table]:
    """One of each, of studies with all kinds of rows."""
    folder = tmp_path_factory.mktemp("tables")
    ledgers = {name: folder / name for name in ("rich", "grid", "ranks")}
    for home in ledgers.values():
        home.mkdir()
    rich, grid = Ledger.at(Home(ledgers["rich"])), grid_ledger(ledgers["grid"])
    several = Ledger.at(Home(ledgers["ranks"]))
    fill_rich(rich)
    put_studies(several)
    crossed = reading_of(grid, "demo")
    made = {
        "ablation": report_table(rich, "demo").as_table(),
        "confirmation": report_table(rich, "demo", ReportOptions(phase=Phase.CONFIRM)).as_table(),
        "effects": effects_table(crossed, "weighted_f1"),
        "importance": importance_table(rich, "demo"),
        "pivot": pivot_table(crossed, "accuracy", "similarity", "batch_size"),
        "ranks": ranks_table(
            rank_levels([reading_of(several, name) for name in STUDIES], "accuracy", "similarity")
        ),
    }
    for ledger in (rich, grid, several):
        ledger.close()
    return made


def expected(table: Table) -> Rows:
    """What every line of the table says after the section's name."""
    return [(line.label, *line.cells) for section in table.sections for line in section.lines]


def in_markdown(table: Table) -> Rows:
    lines = [line for line in render(table, "markdown").splitlines() if line.startswith("|")]
    rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in lines[2:]]
    left = 1 if table.named else 0
    return [tuple(re.sub(r"\\(.)", r"\1", text.strip()) for text in row[left:]) for row in rows]


def in_latex(table: Table) -> Rows:
    body = render(table, "latex").split(r"\midrule", 1)[1].split(r"\bottomrule")[0]
    lines = [line for line in body.splitlines() if line.endswith(r"\\")]
    rows = [re.split(r"(?<!\\)&", line[:-2]) for line in lines if "multicolumn" not in line]
    plain = {
        r"\quad": "", r"\textbackslash{}": "\\", r"$\pm$": "±", "$-$": "−", r"$\times$": "×",
        r"$\rightarrow$": "→", "$<$": "<", "$^{*}$": "*",
        r"$^{\dagger}$": "†", r"$^{\ddagger}$": "‡", "--": "–",
    }  # fmt: skip

    def read(text: str) -> str:
        for code, character in plain.items():
            text = text.replace(code, character)
        return re.sub(r"\\([_%&#])", r"\1", text).strip()

    return [tuple(map(read, row)) for row in rows]


def on_a_page(table: Table) -> Rows:
    rows = Page(html_table(table)).tables[table.title][1:]
    return [tuple(row[1:] if table.named else row) for row in rows]


def on_a_terminal(table: Table) -> Rows:
    """The lines below the heading, split where two spaces or the edges of columns are."""
    return [tuple(line.split()) for line in terminal_text(table, FULL_WIDTH).splitlines()]


@pytest.mark.parametrize("read", [in_markdown, in_latex, on_a_page])
@pytest.mark.parametrize("name", TABLES)
def test_every_text_of_a_table_is_the_same_in_every_format(
    name: str, read: Callable[[Table], Rows], tables: Mapping[str, Table]
) -> None:
    rows = read(tables[name])
    heads = [section.heads for section in tables[name].sections for _ in section.lines]
    assert len(rows) == len(heads)
    for shown, wanted, head in zip(rows, expected(tables[name]), heads, strict=True):
        assert shown[1:] == wanted[1:]
        assert head or shown[0] == wanted[0]


@pytest.mark.parametrize("name", TABLES)
def test_a_terminal_shows_the_same_texts(name: str, tables: Mapping[str, Table]) -> None:
    lines = on_a_terminal(tables[name])
    for row in expected(tables[name]):
        words = tuple(" ".join(row).split())
        assert any(line[-len(words) :] == words for line in lines), words


def _interval_of(record: Mapping[str, str]) -> tuple[str, str]:
    if record["verdict"] == "equivalent":
        return "equivalence_low", "equivalence_high"
    return "ci_low_corrected", "ci_high_corrected"


def record_texts(name: str, record: Mapping[str, str]) -> list[str]:
    """The texts of a line, made from the full-precision record of it in a CSV file."""

    def number(key: str) -> float | None:
        return float(record[key]) if record[key] else None

    def in_unit(metric: str, key: str, *, signed: bool = False) -> str:
        return unit_of(metric).number(number(key), signed=signed)

    if name in ("ablation", "confirmation"):
        score, reference = record["metric"], record["is_reference"] == "True"
        texts = [
            record["level"],
            record["n"],
            unit_of(score).spread(number("mean"), number("sd")),
            in_unit(score, "difference", signed=True),
            unit_of(score).interval(*(number(key) for key in _interval_of(record))),
            p_text(number("p_corrected")),
        ]
        return texts if not reference else texts[:3]
    if name == "effects":
        return [
            record["effect"],
            record["df"],
            "–" if not record["f"] else f"{float(record['f']):.2f}",
            p_text(number("p_value")),
            f"{float(record['partial_eta_squared']):.3f}",
            p_text(number("p_crossed_corrected")),
            in_unit("weighted_f1", "difference", signed=True),
            unit_of("weighted_f1").interval(
                number("ci_low_corrected"), number("ci_high_corrected")
            ),
        ]
    if name == "importance":
        share = f"{100 * float(record['importance']):.1f}"
        return [record["factor"], share, record["read_by"], record["region"]]
    scores = [in_unit("accuracy", study) for study in STUDIES]
    rank = f"{float(record['average_rank']):.2f}"
    return [record["similarity"], rank, p_text(number("p_to_best")), *scores]


@pytest.mark.parametrize("name", [name for name in TABLES if name != "pivot"])
def test_csv_rounds_to_the_digits_shown(name: str, tables: Mapping[str, Table]) -> None:
    records = list(csv.DictReader(io.StringIO(render(tables[name], "csv"))))
    rows = expected(tables[name])
    assert len(records) == len(rows)
    for record, row in zip(records, rows, strict=True):
        texts = record_texts(name, record)
        assert row[0].startswith(texts[0])
        assert list(row[1 : len(texts)]) == texts[1:]


def test_csv_of_a_pivot_rounds_to_the_digits_shown(tables: Mapping[str, Table]) -> None:
    table = tables["pivot"]
    rows = {row[0]: row[1:] for row in expected(table)}
    columns = table.heading[2:]
    for record in csv.DictReader(io.StringIO(render(table, "csv"))):
        shown = rows[record["similarity"]][columns.index(record["batch_size"])]
        text = unit_of("accuracy").spread(float(record["mean"]), float(record["sd"]))
        assert shown == text + (" *" if record["best"] == "True" else "")


def test_the_page_shows_the_corrected_p_value_that_the_other_formats_show(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It showed the corrected F test, which knows nothing of new conversations."""
    # A score of one class, whose few utterances leave conversations something to say.
    grid_ledger(tmp_path, {**SPEC, "criterion": "f1:anger"}).close()
    at = ["demo", "--home", str(tmp_path)]
    assert run(main, [*at, "--effects", "--format", "csv"]) == 0
    records = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert run(main, [*at, "--format", "html"]) == 0
    page = Page(Home(tmp_path).page("demo").read_text(encoding="utf-8"))
    heading, *rows = page.tables["Effects of the factors of demo"]
    place = heading.index("p (Holm)")
    shown = [row[place] for row in rows]
    assert shown == [p_text(float(record["p_crossed_corrected"])) for record in records]
    assert shown != [p_text(float(record["p_corrected"])) for record in records]


def test_a_cost_and_a_class_score_agree_in_every_format(tmp_path: Path) -> None:
    ledger = Ledger.at(Home(tmp_path))
    fill_rich(ledger)
    for metric in ("seconds", f"f1:{LABELS[1]}"):
        table = report_table(ledger, "demo", ReportOptions(metric=metric)).as_table()
        wanted = [row[1:] for row in expected(table)]
        for read in (in_markdown, in_latex, on_a_page):
            assert [row[1:] for row in read(table)] == wanted
    ledger.close()
