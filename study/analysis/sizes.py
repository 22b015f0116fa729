"""How large the models of a table's rows are."""

from statistics import fmean

from study.analysis.reading import PhaseReading


def cell_parameters(reading: PhaseReading) -> dict[str, float]:
    """Trained parameters of each cell's model, the mean over its trials.

    Cells whose trials have none stored are left out.

    Args:
        reading: the phase, or a part of it.
    """
    sizes: dict[str, float] = {}
    for cell, trials in reading.cells.items():
        stored = [trial.parameters for trial in trials if trial.parameters is not None]
        if stored:
            sizes[cell] = fmean(stored)
    return sizes
