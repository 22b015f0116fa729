"""The parameters of a cell's model, as its trials stored them."""

from pathlib import Path

from study.analysis.reading import PhaseReading
from study.analysis.sizes import cell_parameters
from study.reporting.report import ReportOptions, comparison_table
from tracking.ledger import Ledger
from tracking.records import Phase

from ..reported import CELLS, begin_ablation, outcome


def test_parameters_are_read_by_cell_and_shown_in_the_table(tmp_path: Path) -> None:
    sizes = {"reference": 1_000, "similarity=dot": 2_500, "batch_size=8": 1_000}
    ledger = Ledger(f"sqlite:///{tmp_path / 'results.db'}")
    for trial in begin_ablation(ledger):
        size = sizes.get(trial.cell)
        cost = {"seconds": 2.0} if size is None else {"seconds": 2.0, "parameters": float(size)}
        ledger.complete(trial.id, outcome(CELLS[trial.cell], trial.config.seed, cost))
    reading = PhaseReading.of(ledger, "demo", Phase.ABLATE)
    assert cell_parameters(reading) == sizes
    shown = comparison_table(reading, ReportOptions()).as_table()
    lines = {line.label: line.cells[-1] for s in shown.sections for line in s.lines}
    assert lines == {"": "1,000", "dot": "2,500", "8": "1,000", "cosine": "–"}
    ledger.close()
