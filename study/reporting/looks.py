"""What a table says of seeds that were added in looks."""

from collections.abc import Iterator, Sequence

from sslcl.learning.score_names import score_words
from study.analysis.looks import seed_looks
from study.analysis.reading import PhaseReading
from study.stats.names import metric_of
from study.stats.sequential import Stop
from study.stats.verdicts import SIGNIFICANCE
from tracking.rows import ComparisonRow


def looks_notes(reading: PhaseReading, rows: Sequence[ComparisonRow]) -> Iterator[str]:
    """What a reader must know of the looks, and which rows stopped without a verdict."""
    looks = seed_looks(reading.study_row.spec, reading.phase)
    if not looks or not any(row.look is not None for row in rows):
        return
    yield (
        f"Seeds were added in looks of {', '.join(map(str, looks))} to the rows without a verdict "
        f"by {_judged_by(reading)}; interval and p-value of a row are those of the look at which "
        f"it stopped, at that look's share of the level{_families_note(rows)}."
    )
    reasons = {
        Stop.NOT_DECIDABLE: "Not decidable on this test set by any number of seeds",
        Stop.OUT_OF_REACH: f"Stopped because {looks[-1]} seeds would not decide them either",
        None: "Open, to be given more seeds",
    }
    for reason, words in reasons.items():
        stopped = [r.cell for r in rows if r.look is not None and r.stopped == reason]
        if stopped:
            yield f"{words}: {'; '.join(stopped)}."


def _families_note(rows: Sequence[ComparisonRow]) -> str:
    if not any(row.question for row in rows):
        return ""
    return "; planned questions stop by their own correction, the other rows by theirs"


def _judged_by(reading: PhaseReading) -> str:
    return score_words(metric_of(reading.study_row.spec))


def looks_methods(reading: PhaseReading) -> Iterator[str]:
    """The sentences of the methods paragraph, where seeds were added in looks."""
    looks = seed_looks(reading.study_row.spec, reading.phase)
    if not looks:
        return
    planned = f"{', '.join(map(str, looks[:-1]))} and {looks[-1]}"
    families = (
        " (planned questions corrected among themselves, and so the others)"
        if reading.study_row.spec.get("questions")
        else ""
    )
    yield (
        f"Seeds were added group-sequentially, at looks planned beforehand of {planned} seeds per "
        "configuration: after each look, configurations with a verdict by "
        f"{_judged_by(reading)}{families} were "
        "given no more, nor were those whose interval could not lead to one with the seeds of the "
        "last look, given how far the seeds so far let the difference move (futility, not binding "
        "for the error rate)."
    )
    yield (
        f"The level of {100 * SIGNIFICANCE:.0f} % was spent over the looks by the O'Brien-Fleming "
        "type function of Lan and DeMets, each look's increment being its nominal level, which "
        "holds whatever the correlation between looks; intervals are repeated confidence "
        "intervals, p-values are over all looks, and estimates of configurations that stopped "
        "early for a difference are on average somewhat too large."
    )
