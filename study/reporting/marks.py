"""How a table says which of its rows were cut short, and which left the zone of their method."""

from collections import defaultdict
from collections.abc import Iterator, Mapping

from sslcl.learning.score_names import score_words
from study.analysis.reading import PhaseReading
from study.analysis.validity import CellMarks, cell_marks, extension_gains, probe_gaps
from study.reporting.phrases import plural
from study.reporting.units import percent
from study.stats.names import metric_of
from tracking.costs import COSTS
from tracking.rows import ComparisonRow

IMPROVING, FAULTY = "†", "‡"
ENOUGH_SEEDS = 10
"""From here on intervals of rows that collapse with some seeds keep their level."""
_OFTEN = 0.2
NOT_CONVERGED = "not converged"
"""In place of a verdict that more epochs may overturn."""


def mark_of(marks: CellMarks | None) -> str:
    """The signs after a row's name; empty for a row without any."""
    if marks is None:
        return ""
    rising = marks.improving or marks.gain is not None
    faulty = marks.faults or marks.collapsed
    return (IMPROVING if rising else "") + (FAULTY if faulty else "")


def marked_verdict(row: ComparisonRow, marks: Mapping[str, CellMarks], reference: str) -> str:
    """A row's verdict, less what its marks take back.

    ``worse so far`` or ``better so far`` where the loser still improved, and ``not converged``
    where twice as many epochs gained the loser, or either of two that are called equivalent, more
    than the smallest difference of interest.

    Args:
        row: not the reference.
        marks: of the cells of its table.
        reference: name of the reference's cell.
    """
    verdict = row.verdict or ""
    bearing = {"worse": (row.cell,), "better": (reference,), "equivalent": (row.cell, reference)}
    own = [marks[cell] for cell in bearing.get(verdict, ()) if cell in marks]
    if any(mark.gain is not None for mark in own):
        return NOT_CONVERGED
    if verdict != "equivalent" and any(mark.improving for mark in own):
        return f"{verdict} so far"
    return verdict


def score_notes(
    reading: PhaseReading, metric: str, marks: Mapping[str, CellMarks]
) -> Iterator[str]:
    """What must be known of the scores in a table; nothing of costs."""
    if metric in COSTS:
        return
    yield from mark_notes(marks)
    yield from extension_note(reading)
    yield from probe_note(reading)


def mark_notes(marks: Mapping[str, CellMarks]) -> Iterator[str]:
    """What the signs mean and whom they befell, with the remedy; nothing without marks."""
    improving = [
        f"{cell} in {m.improving} of {m.trials}" for cell, m in marks.items() if m.improving
    ]
    if improving:
        yield (
            f"{IMPROVING} Still improving when training ended, so that the row may do better with "
            f"more epochs (trials): {'; '.join(improving)}. Write epochs: {{until: converged, "
            "at_most: n}."
        )
    gained = [f"{cell} +{percent(m.gain)}" for cell, m in marks.items() if m.gain is not None]
    if gained:
        yield (
            f"{IMPROVING} Not converged: one seed, trained for twice as many epochs, gained "
            "more than the smallest difference of interest on validation (points): "
            f"{'; '.join(gained)}. Raise epochs."
        )
    yield from _collapse_notes(marks)
    befallen: dict[str, list[str]] = defaultdict(list)
    for cell, own in marks.items():
        for words, count in own.faults.items():
            befallen[words].append(f"{cell} in {count} of {own.trials}")
    for words, cells in befallen.items():
        yield f"{FAULTY} {words[0].upper()}{words[1:]} (trials): {'; '.join(cells)}."


def _collapse_notes(marks: Mapping[str, CellMarks]) -> Iterator[str]:
    collapsed = {cell: own for cell, own in marks.items() if own.collapsed}
    if not collapsed:
        return
    names = [f"{cell} in {own.collapsed} of {own.trials}" for cell, own in collapsed.items()]
    yield f"{FAULTY} One class alone is predicted for every utterance (trials): {'; '.join(names)}."
    some = [own for own in collapsed.values() if own.collapsed < own.trials]
    if some and (fewest := min(own.trials for own in some)) < ENOUGH_SEEDS:
        unseen = 100 * (1 - _OFTEN) ** fewest
        yield (
            f"Where a cell collapses with some of its seeds, {fewest} of them show none of what "
            f"befalls one in five in {unseen:.0f} % of cases: do not trust such rows, nor others "
            f"of their kind, below {ENOUGH_SEEDS} seeds."
        )


def extension_note(reading: PhaseReading) -> Iterator[str]:
    """One sentence on what the extension check looked at; nothing without one."""
    gains = extension_gains(reading)
    if gains:
        most = max(gains, key=lambda cell: gains[cell])
        score = score_words(metric_of(reading.study_row.spec))
        yield (
            f"Extension check: one seed of {plural(len(gains), 'row')} was trained for twice "
            f"as many epochs; the most that the running mean of validation {score} gained is "
            f"{percent(gains[most])} points ({most})."
        )


def convergence_note(reading: PhaseReading, metric: str) -> Iterator[str]:
    """One sentence below a table without rows to mark; nothing where all is well, or of costs."""
    if metric in COSTS:
        return
    marks = cell_marks(reading).values()
    improving = sum(own.improving for own in marks)
    total = sum(len(trials) for trials in reading.cells.values())
    if improving:
        yield (
            f"{IMPROVING} {improving} of {total} trials were still improving when training ended: "
            "the comparison table says which."
        )


def probe_note(reading: PhaseReading) -> Iterator[str]:
    """One sentence on the cells whose predictions waste what their features hold."""
    gaps = [
        f"{cell} {percent(probe)} by the probe, {percent(own)} as it predicts"
        for cell, (own, probe) in probe_gaps(reading).items()
    ]
    if gaps:
        yield (
            "Read-out and representation disagree, so that these rows tell of the inference rule "
            f"rather than of the features (weighted F1): {'; '.join(gaps)}. See inference and "
            "--metric probe_weighted_f1."
        )
