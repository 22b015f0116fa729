"""The tables of two trials or two cells side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from statistics import fmean, stdev

from study.analysis.flips import Flip, Pairing
from study.analysis.operands import Side
from study.reporting.phrases import interval_heading, p_heading, plural
from study.reporting.table import Line, Table, TableSection
from study.reporting.units import decimal, metric_title, p_equals, p_text, unit_of
from study.stats.comparison import CellComparison, compare_cells
from study.stats.decisions import Decision, decide
from study.stats.metrics import Metric
from study.stats.names import tables_of
from study.stats.permutation import permutation_tests
from study.stats.verdicts import SIGNIFICANCE
from tracking.records import Evaluation

_FIRST, _SECOND = "A", "B"


def scores_table(first: Side, second: Side, pairing: Pairing, split: str) -> Table:
    """Every score of both and their difference, ``B - A``."""
    labels = first.study_row.label_names
    metrics = dict.fromkeys((*tables_of(first.study_row.spec), *tables_of(second.study_row.spec)))
    by_metric = {name: _compared(pairing, name, labels) for name in metrics}
    by_class = {f"f1:{name}": _compared(pairing, f"f1:{name}", labels) for name in labels}
    alone = {name: decide({name: b})[name] for name, (_, b) in by_metric.items()}
    together = decide({name: b for name, (_, b) in by_class.items()})
    overall = [(name, *pair, alone[name]) for name, pair in by_metric.items()]
    classes = [(name, *pair, together[name]) for name, pair in by_class.items()]
    utterances = len(pairing.first[0].labels)
    conversations = len(set(pairing.first[0].conversations))
    return Table(
        title=f"Scores of {first.name} (A) and {second.name} (B)",
        label="compare-scores",
        heading=(
            "",
            "Score, %",
            _FIRST,
            _SECOND,
            "B − A",
            interval_heading("holm"),
            p_heading("holm"),
            "Effect",
        ),
        sections=(
            TableSection("overall", tuple(_score_line(*row) for row in overall)),
            TableSection("F1 by class", tuple(_score_line(*row) for row in classes)),
        ),
        records=[_score_row(*row) for row in (*overall, *classes)],
        caption=(
            f"{split.capitalize()} split, {conversations} conversations, {utterances} utterances, "
            f"{plural(len(pairing.seeds), 'paired seed')}; "
            "differences paired by seed and conversation, which both count as drawn anew; every "
            "overall score is tested by itself, the classes are Holm-corrected over "
            f"{len(labels)}, and every interval is at the level at which that decides the row."
        ),
    )


def _compared(
    pairing: Pairing, metric: str, labels: Sequence[str]
) -> tuple[CellComparison, CellComparison]:
    a, b = pairing.samples(len(labels))
    compared = compare_cells({_FIRST: a, _SECOND: b}, _FIRST, Metric.named(metric, labels))
    return compared[_FIRST], compared[_SECOND]


def _score_row(
    metric: str, a: CellComparison, b: CellComparison, decision: Decision
) -> dict[str, object]:
    kept = {k: v for k, v in asdict(b).items() if k not in ("n", "mean", "sd", "p_equivalence")}
    return {"metric": metric, "mean_a": a.mean, "mean_b": b.mean, **kept, **decided(decision)}


def decided(decision: Decision) -> dict[str, object]:
    """What is written of a decision: the corrected p-value and the interval that belongs to it."""
    return {
        "p_corrected": decision.p_corrected,
        "ci_low_corrected": decision.ci_low,
        "ci_high_corrected": decision.ci_high,
    }


def _score_line(metric: str, a: CellComparison, b: CellComparison, decision: Decision) -> Line:
    unit, p_value = unit_of(metric), decision.p_corrected
    return Line(
        metric[3:] if metric.startswith("f1:") else metric_title(metric),
        (
            unit.spread(a.mean, a.sd),
            unit.spread(b.mean, b.sd),
            unit.number(b.difference, signed=True),
            unit.interval(decision.ci_low, decision.ci_high),
            p_text(p_value),
            decimal(b.effect_size, 2, signed=True),
        ),
        "" if not p_value < SIGNIFICANCE else "better" if b.difference > 0 else "worse",
    )


def right_and_wrong_table(pairing: Pairing, classes: int) -> Table:
    """How many predictions each side has right, and whether one has more of them right.

    The difference of the two discordant counts over all predictions is the difference of the
    accuracies, so it is tested as that is.
    """
    counts = pairing.counts()
    lines = [
        Line(name, (f"{counts[right, True]:,}", f"{counts[right, False]:,}"))
        for name, right in (("A right", True), ("A wrong", False))
    ]
    both = (True, False)
    return Table(
        title="Who is right",
        label="compare-flips",
        heading=("", "Predictions", "B right", "B wrong"),
        sections=(TableSection("", tuple(lines)),),
        records=[
            {"a_right": a, "b_right": b, "predictions": counts[a, b]} for a in both for b in both
        ],
        caption=_right_and_wrong(pairing, classes),
        notes=(
            "McNemar's test on these counts would take utterances as independent, which those of "
            "one conversation are not; the test above takes conversations and seeds as the units.",
        ),
    )


def _right_and_wrong(pairing: Pairing, classes: int) -> str:
    counts = pairing.counts()
    lost, gained = counts[True, False], counts[False, True]
    net = f"{gained - lost:+,}".replace("-", "−")
    a, b = pairing.samples(classes)
    cells = {_FIRST: a, _SECOND: b}
    accuracy, unit = Metric("accuracy"), unit_of("accuracy")
    change = compare_cells(cells, _FIRST, accuracy)[_SECOND]
    said = (
        f"Right → wrong {lost:,}, wrong → right {gained:,}: {net} of {counts.total():,} "
        f"predictions, accuracy {unit.number(change.difference, signed=True)} points"
    )
    if change.p_value != change.p_value:
        return f"{said}; one conversation alone allows no test."
    exchanged = permutation_tests(cells, _FIRST, accuracy)[_SECOND]
    return (
        f"{said}, 95 % CI {unit.interval(change.ci_low, change.ci_high)}, "
        f"p {p_equals(change.p_value)} (by exchanging whole "
        f"conversations, and seeds: p {p_equals(exchanged)})."
    )


def flips_table(pairing: Pairing, labels: Sequence[str], count: int) -> Table:
    """The first ``count`` utterances that one side has right and the other wrong."""
    flips = pairing.flips()
    heading = ("", "Conversation", "Utterance", "Seed", "Label", _FIRST, _SECOND, "Now")
    return Table(
        title="Utterances that flip",
        label="compare-utterances",
        heading=heading,
        sections=tuple(
            [TableSection("", tuple(_flip_line(flip, labels) for flip in flips[:count]))]
            if flips
            else []
        ),
        records=[_flip_row(flip, labels) for flip in flips[:count]],
        columns=_FLIP,
        caption=(
            f"{min(count, len(flips)):,} of {len(flips):,} flips, those at the most seeds first."
        ),
        words=heading[2:],
    )


_FLIP = ("conversation", "utterance", "seed_a", "seed_b", "label", "predicted_a", "predicted_b")


def _flip_row(flip: Flip, labels: Sequence[str]) -> Mapping[str, object]:
    shown = (labels[flip.label], labels[flip.first], labels[flip.second])
    return dict(zip(_FLIP, (flip.conversation, flip.utterance, *flip.seeds, *shown), strict=True))


def _flip_line(flip: Flip, labels: Sequence[str]) -> Line:
    seed = str(flip.seeds[0]) if len(set(flip.seeds)) == 1 else "/".join(map(str, flip.seeds))
    shown = (labels[flip.label], labels[flip.first], labels[flip.second])
    now = "right" if flip.gained else "wrong"
    return Line(
        flip.conversation,
        (flip.utterance, seed, *shown, now),
        "better" if flip.gained else "worse",
    )


def apart_table(
    first: Side,
    second: Side,
    ours: Sequence[Evaluation],
    theirs: Sequence[Evaluation],
    split: str,
) -> Table:
    """Scores of both without any difference."""
    lines, rows = [], []
    metrics = dict.fromkeys((*tables_of(first.study_row.spec), *tables_of(second.study_row.spec)))
    for metric in metrics:
        shown = []
        for name, evaluations in ((first.name, ours), (second.name, theirs)):
            scores = [e.metrics[metric] for e in evaluations if metric in e.metrics]
            mean = fmean(scores) if scores else None
            sd = stdev(scores) if len(scores) > 1 else None
            shown.append(unit_of(metric).spread(mean, sd))
            rows.append({"side": name, "metric": metric, "n": len(scores), "mean": mean, "sd": sd})
        lines.append(Line(metric_title(metric), tuple(shown)))
    return Table(
        title=f"Scores of {first.name} (A) and {second.name} (B)",
        label="compare-scores",
        heading=("", "Score, %", _FIRST, _SECOND),
        sections=(TableSection("", tuple(lines)),),
        records=rows,
        caption=f"{split.capitalize()} split, mean ± sd over seeds.",
    )
