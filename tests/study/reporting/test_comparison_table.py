"""All formats show the same numbers, rounded alike, and survive awkward names."""

import io
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import image

from sslcl.errors import InputError
from study.reporting.comparison_table import ComparisonTable, row_texts
from study.reporting.figures.forest_plot import save_forest_plot
from study.reporting.formats import escape_latex, render
from study.reporting.table import Line, Table, TableSection
from study.reporting.terminal import terminal_text
from study.reporting.units import p_text, percent
from tracking.records import Phase
from tracking.rows import ComparisonRow

REFERENCE = ComparisonRow(
    study="demo",
    phase=Phase.ABLATE,
    metric="weighted_f1",
    cell="reference",
    factor="reference",
    level="",
    is_reference=True,
    n=5,
    mean=0.61236,
    sd=0.00801,
    seconds=3.21,
)


def row(factor: str, level: str, difference: float, p: float) -> ComparisonRow:
    return replace(
        REFERENCE,
        cell=f"{factor}={level}",
        factor=factor,
        level=level,
        is_reference=False,
        mean=0.61236 + difference,
        difference=difference,
        ci_low=difference - 0.005,
        ci_high=difference + 0.005,
        ci_low_corrected=difference - 0.01,
        ci_high_corrected=difference + 0.01,
        p_value=p / 2,
        p_corrected=p,
        effect_size=60 * difference,
        verdict="not shown" if p > 0.05 else "better" if difference > 0 else "worse",
        smallest_difference=0.01,
        correction="holm",
    )


def table(*rows: ComparisonRow) -> ComparisonTable:
    chosen = rows or (
        row("similarity", "dot", -0.0314, 0.00004),
        row("similarity", "co|si_ne", 0.0042, 0.31449),
        row("batch_size", "64", 0.02, 0.04),
    )
    levels = {"similarity": "soft_hgr", "batch_size": "16"}
    return ComparisonTable(
        title="Ablation of demo",
        label="demo",
        metric="weighted_f1",
        rows=(REFERENCE, *chosen),
        reference_levels=levels,
        caption="50 % of A & B_1 at p < 0.05.",
        notes=("Failed: x=1 seed 3 (nan).",),
    )


def test_numbers_are_shown_in_percent_points_with_a_verdict_in_words() -> None:
    shown = row_texts(row("similarity", "dot", -0.0314, 0.00004))
    differs = ("−3.14", "[−4.14, −2.14]", "<0.001", "−1.88", "worse")
    assert shown == ("5", "58.10 ± 0.80", *differs, "3.2")
    assert row_texts(REFERENCE) == ("5", "61.24 ± 0.80", "–", "–", "–", "–", "–", "3.2")


@pytest.mark.parametrize(
    ("metric", "mean", "difference", "shown"),
    [
        ("seconds", 12.345, -0.5, ("12.35", "−0.50")),
        ("parameters", 1234567.0, 1000.0, ("1,234,567", "+1,000")),
        ("peak_memory_mb", 512.25, 1.0, ("512.2", "+1.0")),
        ("flops_per_utterance", 2.5e6, -1e3, ("2.500", "−0.001")),
        ("latency_p50_ms", 1.5, 0.0, ("1.50", "0.00")),
    ],
)
def test_costs_are_shown_in_their_own_unit(
    metric: str, mean: float, difference: float, shown: tuple[str, ...]
) -> None:
    cost = replace(row("a", "1", 0.1, 0.2), metric=metric, mean=mean, sd=None)
    texts = row_texts(replace(cost, difference=difference, ci_low=None))
    assert (texts[1], texts[2]) == shown


def test_correction_is_named_in_the_heading() -> None:
    rows = [replace(r, correction="bh") for r in table().rows]
    assert "p (BH)" in replace(table(), rows=tuple(rows)).as_table().heading
    assert "p (Holm)" in table().as_table().heading


def test_what_is_not_known_is_a_dash_not_a_number() -> None:
    unknown = replace(REFERENCE, is_reference=False, sd=None, n=1, seconds=None)
    assert row_texts(unknown) == ("1", "61.24", *["–"] * 6)


@pytest.mark.parametrize(
    ("p", "text"),
    [(0.0009, "<0.001"), (0.001, "0.001"), (0.0496, "0.050"), (1.0, "1.000"), (None, "–")],
)
def test_p_values(p: float | None, text: str) -> None:
    assert p_text(p) == text


@given(st.floats(-1, 1))
def test_percent_round_trips_and_never_shows_a_signed_zero(value: float) -> None:
    shown = percent(value, signed=True)
    assert float(shown.replace("−", "-")) == pytest.approx(100 * value, abs=0.00501)
    assert (shown == "0.00") == (abs(float(shown.replace("−", "-"))) == 0)


@pytest.mark.parametrize("form", ["terminal", "markdown", "latex"])
def test_every_format_tells_all(form: str) -> None:
    text = (
        render(table().as_table(), form).replace("$-$", "−").replace("$<$", "<").replace("\\", "")
    )
    numbers = ("58.10", "−3.14", "[−4.14, −2.14]", "<0.001", "0.314", "−1.88")
    for needle in (*numbers, "worse", "not shown", "soft_hgr", "Failed"):
        assert needle in text


def test_parameters_stand_beside_every_row_that_knows_them() -> None:
    sizes = {"reference": 1_234_567.0, "similarity=dot": 89_000.0}
    sized = replace(table(), parameters=sizes)
    lines = {line.label: line.cells for s in sized.as_table().sections for line in s.lines}
    assert sized.as_table().heading[-1] == "Parameters"
    assert [lines[label][-1] for label in ("", "dot", "64")] == ["1,234,567", "89,000", "–"]
    frame = pd.read_csv(io.StringIO(render(sized.as_table(), "csv")))
    assert frame["parameters"].tolist()[:2] == [1_234_567, 89_000]
    assert frame["parameters"].isna().tolist()[2:] == [True, True]


def test_parameters_are_the_first_column_that_a_narrow_window_leaves_out() -> None:
    wide = replace(table(row("similarity", "dot", -0.1, 0.2)), parameters={"reference": 5e6})
    assert "5,000,000" in terminal_text(wide.as_table(), 140)
    narrow = terminal_text(wide.as_table(), 80)
    assert "5,000,000" not in narrow
    assert "Left out of a narrow window: Parameters" in narrow


def test_a_table_that_knows_no_parameters_has_no_column_of_them() -> None:
    assert "Parameters" not in table().as_table().heading


def test_unknown_format_names_the_nearest() -> None:
    with pytest.raises(InputError, match="did you mean 'markdown'"):
        render(table().as_table(), "markdwn")


def test_real_table_fits_a_hundred_columns_whole() -> None:
    rows = [
        row("backbone", "transformer", -0.1294, 0.126),
        row("label_embedding_depth", "2", 0.0008, 1.0),
        replace(row("similarity", "soft_hgr_textbook", -0.1, 0.2), verdict="equivalent"),
        replace(row("augmentation", "text_plus_one", -0.1199, 0.687), seconds=1740.2),
    ]
    shown = terminal_text(table(*rows).as_table())
    assert max(map(len, shown.splitlines())) <= 100
    for whole in ("48.30 ± 0.80", "[−12.99, −10.99]", "(Holm)", "equivalent", "1740.2"):
        assert whole in shown
    assert "Left out" not in shown


def test_terminal_fits_a_narrow_window() -> None:
    narrow = terminal_text(
        table(row("label_embedding_depth", "soft_hgr_textbook", -0.1, 0.2)).as_table(), 80
    )
    assert max(map(len, narrow.splitlines())) <= 80
    assert "[−11.00, −9.00]" in narrow
    assert "not shown" in narrow
    assert "Left out of a narrow window: s/trial, Effect." in narrow
    assert "\x1b" not in narrow


def test_reference_comes_first_and_factors_are_named_once() -> None:
    lines = terminal_text(table().as_table()).splitlines()
    place = {word: i for i, line in enumerate(lines) for word in line.split()[:1]}
    assert place["reference"] < place["similarity"] < place["dot"] < place["batch_size"]
    assert sum("similarity" in line for line in lines) == 1


def test_markdown_has_as_many_cells_in_every_row() -> None:
    lines = [
        line for line in render(table().as_table(), "markdown").splitlines() if line.startswith("|")
    ]
    assert len({len(re.findall(r"(?<!\\)\|", line)) for line in lines}) == 1
    assert len(lines) == 2 + 4


def test_csv_keeps_full_precision() -> None:
    frame = pd.read_csv(io.StringIO(render(table().as_table(), "csv")))
    assert frame["difference"].tolist()[1:] == [-0.0314, 0.0042, 0.02]
    assert frame["p_corrected"][1] == 0.00004
    assert pd.isna(frame["difference"][0])


SPECIAL = r"a_b%c&d#e$f~g^h\i{j}k"


def test_latex_is_well_formed_whatever_the_names() -> None:
    text = render(
        replace(table(row(SPECIAL, SPECIAL, 0.1, 0.2)), title=SPECIAL).as_table(), "latex"
    )
    bare = re.sub(r"\\[\\_%&#$~^{}]", "", text.partition("\n")[2])
    assert bare.count("{") == bare.count("}")
    assert bare.count("$") % 2 == 0
    assert not re.search(r"[%#~_]", bare)
    body = text.split(r"\midrule", 1)[1].split(r"\bottomrule")[0]
    rows = [line for line in body.splitlines() if line.endswith(r"\\")]
    assert {len(re.findall(r"(?<!\\)&", line)) for line in rows if "multicol" not in line} == {8}
    assert sum("multicol" in line for line in rows) == 1
    for rule in ("toprule", "midrule", "bottomrule"):
        assert rf"\{rule}" in text


@given(st.text(alphabet=SPECIAL + "xyz<>±−", max_size=30))
def test_escaped_text_leaves_no_special_character_bare(value: str) -> None:
    escaped = escape_latex(value)
    assert not re.search(r"(?<!\\)[_%&#]", escaped)
    assert not re.search(r"[~^](?!\{)", escaped.replace(r"\^", ""))


COMPILERS = [name for name in ("pdflatex", "lualatex", "tectonic") if shutil.which(name)]


def compiled(body: str, folder: Path) -> None:
    """Compile ``body`` in a document that loads nothing but booktabs."""
    (folder / "t.tex").write_text(
        f"\\documentclass{{article}}\\usepackage{{booktabs}}\\begin{{document}}\n{body}"
        "\\end{document}\n",
        encoding="utf-8",
    )
    flags = [] if COMPILERS[0] == "tectonic" else ["-interaction=nonstopmode", "-halt-on-error"]
    done = subprocess.run(
        [COMPILERS[0], *flags, "t.tex"], cwd=folder, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stdout.decode(errors="replace")[-2000:]
    assert (folder / "t.pdf").stat().st_size > 0


@pytest.mark.skipif(not COMPILERS, reason="none of pdflatex, lualatex, tectonic is installed")
def test_latex_compiles_with_booktabs_alone(tmp_path: Path) -> None:
    awkward = replace(table(row(SPECIAL, SPECIAL, 0.1, 0.2)), title=SPECIAL, methods=SPECIAL)
    other = Table(
        title="Effects → η² ≥ 1",
        label="other",
        heading=("", "Effect", "partial η²"),
        sections=(TableSection("", (Line("a × b → c", ("<0.001 *",)),)),),
        records=(),
        caption="± − –",
    )
    compiled(render(awkward.as_table(), "latex") + render(other, "latex"), tmp_path)


def test_forest_plot_shows_levels_and_grows_with_them(tmp_path: Path) -> None:
    few, many = tmp_path / "few.png", tmp_path / "many.png"
    save_forest_plot(table(row("a", "1", 0.01, 0.2)), few)
    save_forest_plot(table(*(row("a", str(i), 0.01 * i, 0.2) for i in range(12))), many)
    assert image.imread(many).shape[0] > image.imread(few).shape[0]
    assert image.imread(many).shape[1] == image.imread(few).shape[1]


def test_forest_plot_copes_with_rows_that_have_no_interval(tmp_path: Path) -> None:
    bare = replace(
        row("a", "1", 0.01, 0.2), ci_low_corrected=None, ci_high_corrected=None, p_corrected=None
    )
    picture = tmp_path / "plot.png"
    save_forest_plot(table(bare, replace(bare, cell="a=2", level="2", difference=None)), picture)
    assert picture.stat().st_size > 0
