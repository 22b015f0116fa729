"""Phrases that tables, captions and pages share."""

from collections.abc import Mapping, Sequence

from study.analysis.reading import PhaseReading
from study.reporting.units import unit_of
from study.stats.names import CORRECTION_NAMES
from tracking.costs import COSTS
from tracking.rows import ComparisonRow

_PROCEDURE = {"holm": "Holm-corrected", "bh": "Benjamini-Hochberg-corrected"}


def plural(count: int, noun: str) -> str:
    """The count and what is counted, such as ``1 trial`` or ``2,000 trials``.

    Example:
        >>> plural(1, "trial"), plural(0, "trial"), plural(2000, "planned trial")
        ('1 trial', '0 trials', '2,000 planned trials')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def points(shown: str) -> str:
    """A difference that is written already, such as ``1 point`` or ``0.50 points``."""
    return f"{shown} point{'' if float(shown) == 1 else 's'}"


def latex_label(*parts: str) -> str:
    """The parts as one label of letters, digits and hyphens.

    Example:
        >>> latex_label("ablate", "my_study", "f1:joy")
        'ablate-my-study-f1-joy'
    """
    return "-".join(parts).translate(str.maketrans("_:.", "---"))


def measured_on(reading: PhaseReading, metric: str) -> str:
    """Such as ``the test split of mosi (31 conversations, 752 utterances)``."""
    if metric in COSTS:
        return reading.study_row.dataset
    what = f"all of {fold_words(reading)}" if reading.folds else "the test split"
    return f"{what} of {data_words(reading)}"


def fold_words(reading: PhaseReading) -> str:
    """Such as ``5 folds`` or ``5 folds by session``, of those that were read."""
    return folds_by(len(reading.folds), reading.study_row.spec.get("folds"))


def folds_by(count: int, scheme: str | None) -> str:
    """So many folds in words, and what they are by where that is no number."""
    by = f" by {scheme}" if scheme and not scheme.isdigit() else ""
    return plural(count, "fold") + by


def data_words(reading: PhaseReading) -> str:
    """Such as ``mosi (31 conversations, 752 utterances)``."""
    conversations, utterances = reading.size
    kind = "generated data, " if reading.study_row.environment.get("synthetic") else ""
    return (
        f"{reading.study_row.dataset} ({kind}{conversations} conversations, "
        f"{utterances} utterances)"
    )


def seeds_words(rows: Sequence[ComparisonRow]) -> str:
    """Such as ``5 seeds`` or ``4 to 5 seeds``."""
    fewest, most = min(row.n for row in rows), max(row.n for row in rows)
    seeds = plural(most, "seed")
    return seeds if fewest == most else f"{fewest} to {seeds}"


def correction_of(rows: Sequence[ComparisonRow]) -> str:
    """How the p-values of a table are corrected: ``holm`` or ``bh``."""
    return next((row.correction for row in rows if row.correction), "holm")


def p_heading(correction: str) -> str:
    """Heading of corrected p-values, such as ``p (Holm)``."""
    return f"p ({CORRECTION_NAMES[correction]})"


def interval_heading(correction: str) -> str:
    """Heading of the intervals of verdicts, such as ``CI (Holm)``: their level is the row's own."""
    return f"CI ({CORRECTION_NAMES[correction]})"


def corrected_words(rows: Sequence[ComparisonRow]) -> str:
    """Such as ``Holm-corrected over 15 comparisons``, planned questions apart from the others."""
    asked = sum(row.p_value is not None and row.question is not None for row in rows)
    tests = sum(row.p_value is not None for row in rows) - asked
    if not asked:
        return f"{_PROCEDURE[correction_of(rows)]} over {plural(tests, 'comparison')}"
    planned = f"{_PROCEDURE[correction_of(rows)]} over {plural(asked, 'planned question')}"
    if not tests:
        return planned
    return f"{planned} and, apart from these, over {plural(tests, 'exploratory comparison')}"


def moderation_words(rows: Sequence[ComparisonRow]) -> str:
    """Whether rows lent one another their variances over seeds, and how much."""
    lent = max((row.prior_df or 0.0 for row in rows), default=0.0)
    if not lent:
        return "every row has its own variance over seeds"
    own = sum(row.prior_df == 0 for row in rows)
    apart = f", {own} of {len(rows) - 1} rows keep their own" if own else ""
    return f"variances over seeds are moderated across rows (prior df {lent:.1f}{apart})"


def margin_words(rows: Sequence[ComparisonRow], metric: str) -> str:
    """The smallest interesting difference in words, such as ``1.00 point``."""
    margins = [row.smallest_difference for row in rows if row.smallest_difference]
    shown = unit_of(metric).number(margins[0] if margins else None)
    return points(shown) if margins else f"{shown} points"


def direction_words(metric: str) -> str:
    """Whether more or less of a cost is better."""
    return f"{'More' if COSTS[metric].more_is_better else 'Less'} is better."


def subset_notes(words: str) -> tuple[str, ...]:
    """The note on a table of chosen trials; none where all are in it."""
    return (f"Only trials with {words}.",) if words else ()


def named(names: Sequence[str], everything: Mapping[str, object]) -> str:
    """The names, or ``all rows`` where they are all of them."""
    return "all rows" if len(names) == len(everything) else "; ".join(names)
