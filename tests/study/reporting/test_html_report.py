"""The HTML report shows the ledger's numbers, needs nothing else, and says what is missing."""

from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
from sklearn.metrics import f1_score

from sslcl.command import run
from sslcl.errors import InputError
from study.analysis.class_scores import f1_gains
from study.analysis.reading import PhaseReading
from study.report import main
from study.reporting.effects_table import effects_table
from study.reporting.html import html_report, save_html
from study.reporting.html.curves import MOST_CURVES, curve_of, curves_section
from study.reporting.html.elements import PageSection
from study.reporting.html.pareto import front
from study.reporting.html.summary import verdicts
from study.reporting.report import ReportOptions, reading_of, report_table
from study.reporting.units import metric_title, percent
from tracking.heatmap import readable_on
from tracking.home import Home
from tracking.ledger import Ledger
from tracking.records import Phase
from tracking.rows import ComparisonRow

from ..reported import CELLS, GOLD, SEEDS, outcome, planned
from .page import Page
from .rich import COLLAPSED, SPEC, complete, cosine, fill_rich, put

SECTIONS = [
    "summary", "ablate", "forest", "cost", "confusion", "gains", "labels", "curves", "confirm",
    "importance", "diagnostics", "failures", "environment", "methods",
]  # fmt: skip


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("rich")
    ledger = Ledger.at(Home(home))
    fill_rich(ledger)
    ledger.close()
    return home


@pytest.fixture(scope="module")
def rich(home: Path) -> Iterator[Ledger]:
    ledger = Ledger.at(Home(home))
    yield ledger
    ledger.close()


@pytest.fixture(scope="module")
def text(rich: Ledger, home: Path) -> str:
    return html_report(rich, "demo", Home(home))


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    return Page(text)


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Ledger]:
    ledger = Ledger.at(Home(tmp_path))
    yield ledger
    ledger.close()


def assert_needs_nothing_else(text: str) -> None:
    page = Page(text)
    for value in page.values("href", "src", "srcset", "data", "action", "poster"):
        assert value.startswith("#") or value == "data:,", value
    tags = {tag for tag, _, _ in page.attributes}
    assert not tags & {"iframe", "object", "embed", "base", "img", "image", "foreignobject"}
    assert "http" not in text.lower()
    assert "@import" not in text


def test_every_section_is_there_in_order(page: Page, text: str) -> None:
    assert page.sections == SECTIONS
    assert [v for v in page.values("href") if v[1:] in SECTIONS][1:] == [f"#{s}" for s in SECTIONS]
    assert len(text) < 3_000_000


def test_it_needs_nothing_else(text: str) -> None:
    assert_needs_nothing_else(text)


def test_names_are_unique_and_point_at_something(page: Page, text: str) -> None:
    names = page.values("id")
    assert len(names) == len(set(names))
    wanted = {v[1:] for v in page.values("href") if v.startswith("#")}
    wanted |= set(page.values("aria-labelledby", "data-copy"))
    wanted |= {part.partition(")")[0] for part in text.split("url(#")[1:]}
    assert wanted <= set(names)


def test_every_drawing_tells_what_it_shows(page: Page, text: str) -> None:
    drawings = [value for tag, name, value in page.attributes if (tag, name) == ("svg", "role")]
    assert drawings == ["img"] * text.count("<svg")
    assert text.count("<svg") == text.count("<title id=") == 8


def test_the_same_ledger_gives_the_same_page(text: str, home: Path) -> None:
    ledger = Ledger.at(Home(home))
    assert html_report(ledger, "demo", Home(home)) == text
    ledger.close()


@pytest.mark.parametrize("metric", ["weighted_f1", "macro_f1", "accuracy"])
def test_numbers_are_those_of_the_table(metric: str, rich: Ledger, page: Page) -> None:
    comparisons = report_table(rich, "demo", ReportOptions(metric=metric))
    title = comparisons.title
    if metric != "weighted_f1":
        title = f"{title}: {metric_title(metric)}"
    shown = page.tables[title]
    assert shown[0] == list(comparisons.as_table().headings)
    assert shown[1:] == [list(texts) for _, _, texts in comparisons.as_table().rows()]
    assert len(shown) == 1 + len(CELLS)


def test_summary_names_what_was_shown(rich: Ledger, page: Page) -> None:
    rows = {row.cell: row for row in report_table(rich, "demo").rows}
    assert rows["similarity=dot"].verdict == "worse"
    lost = percent(rows["similarity=dot"].difference, signed=True)
    said = page.words["summary"]
    assert (
        f"One of 3 changes makes the reference worse beyond doubt: similarity=dot ({lost})" in said
    )
    assert rows["batch_size=8"].verdict == "equivalent"
    assert "equivalent to it within 1 point: batch_size=8" in said
    assert "The data are generated" in said
    assert "The search holds 14 trials: 13 complete, 1 failed." in said


def test_what_fired_and_failed_is_listed(page: Page) -> None:
    fired = page.tables["Warnings, the most frequent first"]
    assert fired[1][0] == COLLAPSED
    odd = sum(seed % 2 for seed in SEEDS) * len(CELLS) + 2 * sum(s % 2 for s in SEEDS[:2])
    assert fired[1][3] == str(odd)
    assert "ablate: batch_size=8; reference; similarity=cosine; similarity=dot" in fired[1][2]
    (failed,) = page.tables["Failed trials"][1:]
    assert failed[:4] == ["search trial13", "0", "nan", "epoch 2: train_loss is not finite"]


def test_facts_and_methods_are_told(page: Page) -> None:
    facts = {row[0]: row[1] for row in page.tables["Data, code and environment"][1:]}
    assert facts["data fingerprint (SHA-256)"] == "d" * 64
    assert facts["training code fingerprint (SHA-256)"] == "c" * 64
    assert (facts["commit"], facts["python"]) == ("0123abcd", "3.11")
    said = page.words["methods"]
    for words in ("validation split", "Holm", "paired by seed", "conversations"):
        assert words in said


def test_importance_names_the_factor_that_decided(page: Page) -> None:
    rows = page.tables["Importance of the factors in the search of demo"][1:]
    assert rows[0][0] == "learning_rate"


def test_gains_of_classes_are_the_differences_of_their_f1(rich: Ledger) -> None:
    reading = PhaseReading.of(rich, "demo", Phase.ABLATE)

    def f1(cell: str) -> Any:
        found = [outcome(CELLS[cell], seed).evaluations[0].predictions for seed in SEEDS]
        return np.mean([f1_score(GOLD, predicted, average=None) for predicted in found], axis=0)

    expected = f1("similarity=dot") - f1("reference")
    assert f1_gains(reading, "similarity=dot") == pytest.approx(expected)


def test_curves_are_mean_and_range_over_seeds(rich: Ledger) -> None:
    reading = PhaseReading.of(rich, "demo", Phase.ABLATE)
    curve = curve_of(rich, reading.cells["similarity=dot"])
    assert curve.epochs == (1, 2, 3)
    assert curve.mean == pytest.approx([0.45 * epoch / 3 + 0.03 for epoch in (1, 2, 3)])
    assert curve.low == pytest.approx([mean - 0.02 for mean in curve.mean])
    assert curve.high == pytest.approx([mean + 0.02 for mean in curve.mean])


def test_similarity_is_the_mean_over_seeds(text: str) -> None:
    drawn = text[text.index('id="labels-title"') :]
    drawn = drawn[: drawn.index("</svg>")]
    for i, j in combinations(range(3), 2):
        mean = np.mean([cosine(seed, i, j) for seed in SEEDS])
        assert f">{mean:.2f}</text>".replace("-", "−") in drawn


def test_numbers_on_a_colour_have_the_contrast_that_wcag_asks_for() -> None:
    for palette in ("Blues", "RdBu"):
        for shade in matplotlib.colormaps[palette](np.linspace(0, 1, 101))[:, :3]:
            linear = np.where(shade <= 0.04045, shade / 12.92, ((shade + 0.055) / 1.055) ** 2.4)
            light = float(linear @ (0.2126, 0.7152, 0.0722))
            ratios = {"#000000": (light + 0.05) / 0.05, "#ffffff": 1.05 / (light + 0.05)}
            assert ratios[readable_on(shade)] >= 4.5


def row(cell: str, seconds: float, mean: float, **more: Any) -> ComparisonRow:
    values = {"metric": "accuracy", "factor": "a", "level": cell, "is_reference": False, "n": 1}
    return ComparisonRow(
        study="s", phase=Phase.ABLATE, cell=cell, mean=mean, seconds=seconds, **{**values, **more}
    )


def test_front_is_what_nothing_dominates() -> None:
    rng = np.random.default_rng(4)
    rows = [row(str(i), *map(float, rng.integers(1, 9, 2))) for i in range(60)]

    def dominated(one: ComparisonRow) -> bool:
        def at(row: ComparisonRow) -> tuple[float, float]:
            return row.seconds or 0.0, row.mean or 0.0

        return any(
            at(other)[0] <= at(one)[0] and at(other)[1] >= at(one)[1] and at(other) != at(one)
            for other in rows
        )

    expected = {(r.seconds, r.mean) for r in rows if not dominated(r)}
    assert [(r.seconds, r.mean) for r in front(rows)] == sorted(expected)


def test_verdicts_in_words() -> None:
    rows = [
        row("base", 1, 0.5, is_reference=True),
        *(row(f"w{i}", 1, 0.4, verdict="worse", difference=-0.1 - i / 100) for i in range(7)),
        row("b", 1, 0.6, verdict="better", difference=0.1),
        row("e", 1, 0.5, verdict="equivalent", difference=0.0, smallest_difference=0.005),
        row("n", 1, 0.5, verdict="not shown", difference=0.02),
        row("untested", 1, 0.5),
    ]
    worse, better, same, open_ = verdicts(rows)
    assert worse.startswith(
        "Seven of 10 changes make the reference worse beyond doubt: w6 (−16.00)"
    )
    assert worse.endswith("; and 2 more.")
    assert better == "One of 10 changes makes the reference better beyond doubt: b (+10.00)."
    assert same == "One is equivalent to it within 0.5 points: e."
    assert open_.endswith("no claim that there is no difference: n.")
    assert list(verdicts(rows[:1])) == [
        "No configuration could be tested against the reference."
    ]  # fmt: skip
    assert next(verdicts([rows[0], rows[-2]])).startswith("None of 1 change makes the reference")


def test_words_from_the_data_stay_words(empty: Ledger, tmp_path: Path) -> None:
    labels = ("<script>alert(1)</script>", 'a"&b', "$x^$ </svg>")
    put(empty, labels, {**SPEC, "description": "<img src=x onerror=alert(1)>"})
    cells = {"reference": 0.7, 'backbone_options.x="><b>&': 0.5}
    base: dict[str, Any] = {"backbone_options": {}}
    trials = []
    for cell in cells:
        for seed in SEEDS[:3]:
            trial = planned("reference", seed, base=base)
            trials.append(
                type(trial)(f"{cell}{seed}", trial.phase, cell, f"{cell}{seed}", trial.config)
            )
    empty.plan("demo", Phase.ABLATE, trials, replace=True)
    for trial in trials:
        complete(empty, trial, cells[trial.cell], labels)
    text = html_report(empty, "demo", Home(tmp_path))
    page = Page(text)
    assert "<script>alert" not in text
    assert text.count("<script") == 1
    assert not [tag for tag, _, _ in page.attributes if tag in ("b", "img")]
    assert_needs_nothing_else(text)
    assert {
        r[0] for r in page.tables["The reference by class; F1 is the mean over seeds"][1:]
    } == set(labels)
    assert "<img src=x" in text.replace("&lt;", "<")


def test_a_study_without_results_says_so(empty: Ledger, tmp_path: Path) -> None:
    put(empty)
    text = html_report(empty, "demo", Home(tmp_path))
    page = Page(text)
    assert "No trial of the confirmation or the ablation has finished yet." in page.words["summary"]
    assert "expected at least 10" in page.words["importance"]
    assert page.sections == ["summary", "importance", "diagnostics", "failures", "environment"]
    assert_needs_nothing_else(text)


def test_what_was_not_measured_is_said(empty: Ledger, tmp_path: Path) -> None:
    spec = {key: value for key, value in SPEC.items() if key != "search"}
    put(empty, spec={**spec, "ablate": {**SPEC["ablate"], "reference": {"similarity": "dot"}}})
    trial = planned("reference", 1001)
    empty.plan("demo", Phase.ABLATE, [trial], replace=True)
    empty.start(trial.id)
    empty.complete(trial.id, outcome(0.7, 1001))
    page = Page(html_report(empty, "demo", Home(tmp_path)))
    assert "importance" not in page.sections
    assert "There is no difference to draw." in page.words["forest"]
    assert "Fewer than two configurations" in page.words["cost"]
    assert "cosines were not measured" in page.words["labels"]
    assert "No epochs of the reference are recorded." in page.words["curves"]
    assert "No configuration could be tested" in page.words["summary"]


def test_a_crossed_design_has_effects(empty: Ledger, tmp_path: Path) -> None:
    put(empty, spec={**SPEC, "ablate": {**SPEC["ablate"], "design": "grid"}})
    cells = {
        "reference": 0.7,
        "similarity=dot, batch_size=16": 0.5,
        "similarity=soft_hgr, batch_size=8": 0.7,
        "similarity=dot, batch_size=8": 0.5,
    }
    trials = [planned(cell, seed, base={"batch_size": 16}) for seed in SEEDS[:3] for cell in cells]
    empty.plan("demo", Phase.ABLATE, trials, replace=True)
    for trial in trials:
        complete(empty, trial, cells[trial.cell])
    page = Page(html_report(empty, "demo", Home(tmp_path)))
    shown = effects_table(reading_of(empty, "demo"), "weighted_f1")
    rows = page.tables[shown.title]
    assert rows[1:] == [list(texts) for _, _, texts in shown.rows()]
    assert rows[1][7].startswith("−")
    assert rows[1][4] == "<0.001"


def test_what_is_drawn_is_bounded(empty: Ledger) -> None:
    put(empty)
    cells = ["reference", *(f"batch_size={size}" for size in range(1, 40) if size != 16)]
    trials = [planned(cell, 1001) for cell in cells]
    empty.plan("demo", Phase.ABLATE, trials, replace=True)
    for trial in trials:
        complete(empty, trial, 0.6)
    section: PageSection = curves_section(empty, PhaseReading.of(empty, "demo", Phase.ABLATE))
    assert len(section.pictures) == MOST_CURVES - 1
    assert f"{len(cells) - MOST_CURVES} more configurations are not drawn." in section.notes


def test_command_writes_the_page(
    home: Path, tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "mine.html"
    call = ["demo", "--home", str(home), "--format", "html"]
    assert run(main, [*call, "--out", str(out)]) == 0
    assert out.read_text(encoding="utf-8") == text
    assert run(main, call) == 0
    kept = home / "reports" / "demo" / "report.html"
    assert capsys.readouterr().out.split() == [str(out), str(kept)]
    assert kept.read_text(encoding="utf-8") == text
    assert run(main, [*call, "--by", "similarity"]) == 2
    assert "expected no --by" in capsys.readouterr().err
    assert run(main, ["demoo", "--home", str(home), "--format", "html"]) == 2
    assert "did you mean 'demo'?" in capsys.readouterr().err


def test_unknown_study_leaves_no_file(rich: Ledger, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="unknown study"):
        save_html(rich, "nothing", Home(tmp_path))
    assert list(tmp_path.iterdir()) == []
