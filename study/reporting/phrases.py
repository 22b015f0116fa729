"""Phrases that captions and the methods paragraph share."""

from collections.abc import Sequence

from study.analysis.comparisons import PhaseReading
from study.analysis.costs import COSTS
from study.reporting.units import unit_of
from tracking.rows import ComparisonRow

_PROCEDURE = {"holm": "Holm-corrected", "bh": "Benjamini-Hochberg-corrected"}


def measured_on(reading: PhaseReading, metric: str) -> str:
    """Such as ``the test split of mosi (31 conversations, 752 utterances)``."""
    return reading.study.dataset if metric in COSTS else f"the test split of {data_words(reading)}"


def data_words(reading: PhaseReading) -> str:
    """Such as ``mosi (31 conversations, 752 utterances)``."""
    tested = reading.scored
    kind = "generated data, " if reading.study.environment.get("synthetic") else ""
    return (
        f"{reading.study.dataset} ({kind}{tested.conversations} conversations, "
        f"{tested.utterances} utterances)"
    )


def seeds_words(rows: Sequence[ComparisonRow]) -> str:
    """Such as ``5 seeds`` or ``4 to 5 seeds``."""
    fewest, most = min(row.n for row in rows), max(row.n for row in rows)
    seeds = f"{most} seed{'s' if most > 1 else ''}"
    return seeds if fewest == most else f"{fewest} to {seeds}"


def correction_of(rows: Sequence[ComparisonRow]) -> str:
    """Of the p-values of a table."""
    return next((row.correction for row in rows if row.correction), "holm")


def corrected_words(rows: Sequence[ComparisonRow]) -> str:
    """Such as ``Holm-corrected over 15 comparisons``."""
    tests = sum(row.p_value is not None for row in rows)
    return f"{_PROCEDURE[correction_of(rows)]} over {tests} comparison{'s' if tests != 1 else ''}"


def margin_words(rows: Sequence[ComparisonRow], metric: str) -> str:
    """The smallest interesting difference in words, such as ``1.00 point``."""
    unit, known = unit_of(metric), [r.smallest_difference for r in rows if r.smallest_difference]
    shown = unit.number(known[0]) if known else unit.number(None)
    return f"{shown} point{'' if shown == '1.00' else 's'}"


def direction_words(metric: str) -> str:
    """Whether more or less of a cost is better."""
    return f"{'More' if COSTS[metric] else 'Less'} is better."
