"""How a table says which of its rows were cut short, and which left the zone of their method."""

from collections import defaultdict
from collections.abc import Iterator, Mapping

from study.analysis.reading import PhaseReading
from study.analysis.validity import CellMarks, cell_marks, probe_gaps
from study.reporting.units import percent
from tracking.rows import ComparisonRow

IMPROVING, FAULTY = "†", "‡"


def mark_of(marks: CellMarks | None) -> str:
    """The signs after a row's name; empty for a row without any."""
    if marks is None:
        return ""
    return (IMPROVING if marks.improving else "") + (FAULTY if marks.faults else "")


def marked_verdict(row: ComparisonRow, marks: Mapping[str, CellMarks], reference: str) -> str:
    """A row's verdict; ``worse so far`` or ``better so far`` where the loser still improved.

    Args:
        row: not the reference.
        marks: of the cells of its table.
        reference: name of the reference's cell.
    """
    loser = {"worse": row.cell, "better": reference}.get(row.verdict or "", "")
    if loser in marks and marks[loser].improving:
        return f"{row.verdict} so far"
    return row.verdict or ""


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
    befallen: dict[str, list[str]] = defaultdict(list)
    for cell, own in marks.items():
        for words, count in own.faults.items():
            befallen[words].append(f"{cell} in {count} of {own.trials}")
    for words, cells in befallen.items():
        yield f"{FAULTY} {words[0].upper()}{words[1:]} (trials): {'; '.join(cells)}."


def convergence_note(reading: PhaseReading) -> Iterator[str]:
    """One sentence below a table that has no rows to mark; nothing where all is well."""
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
