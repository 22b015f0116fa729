"""Which rows of an ablation get more seeds, by what the ledger holds."""

from collections.abc import Sequence

from study.analysis.comparisons import Rules, looked_ablation
from study.analysis.reading import PhaseReading
from study.design.cell import REFERENCE
from study.design.looks import FIRST_LOOK, GivenLooks
from tracking.ledger import Ledger
from tracking.records import Phase


def given_looks(ledger: Ledger, study_name: str, cells: Sequence[str]) -> GivenLooks:
    """How many looks each cell is to be given seeds for, judged by the trials that have ended.

    A row without a verdict gets those of the look after the last one that is complete; the
    reference as many as the row with the most. Nothing is written.

    Args:
        ledger: the results database.
        study_name: name of a study that is in it.
        cells: names of all cells that the ablation has now, the reference first.
    """
    reading = PhaseReading.of(ledger, study_name, Phase.ABLATE)
    looked = looked_ablation(reading, Rules.of(reading.study_row), cells)
    if looked is None:
        return FIRST_LOOK
    last = looked.rule.looks[-1].number
    given = {
        row: now.look if now.stop else min(now.look + 1, last)
        for row, now in looked.standing.items()
    }
    stopped = {row for row, now in looked.standing.items() if now.stop}
    if stopped == set(given):
        stopped.add(REFERENCE)
    return GivenLooks({**given, REFERENCE: max(given.values(), default=1)}, stopped)
