"""From a phase's trials in the ledger to the rows of a comparison table.

The numbers are computed here, once, and kept in the results database: the SQL view ``ablation``,
the tables and the picture all show those.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from statistics import fmean
from typing import Any

from threadpoolctl import threadpool_limits

from search_spaces.factors import level_name
from study.analysis.digest import comparison_digest
from study.analysis.looks import LookedAblation, ended_seeds, seed_looks
from study.analysis.reading import REPORTED, PhaseReading
from study.design.cell import REFERENCE
from study.stats.comparison import SMALLEST_DIFFERENCE, CellComparison, compare_cells
from study.stats.decisions import Decision, PlannedContrast, decide
from study.stats.metrics import Metric
from study.stats.names import metric_of, tables_of
from study.stats.permutation import permutation_tests
from study.stats.reachable import need
from study.stats.sequential import Rule, planned_looks
from study.stats.spread import Spread
from tracking.ledger import Ledger
from tracking.rows import ComparisonRow, StudyRow


@dataclass(frozen=True)
class Rules:
    """How a table judges its rows.

    Args:
        smallest_difference: what a difference must reach to be of interest, in the metric's units.
        correction: over the rows of a table, one of :data:`study.stats.names.CORRECTIONS`.
        questions: ``FACTOR=LEVEL`` texts of a cell, or its name, to what was asked of it.
    """

    smallest_difference: float = SMALLEST_DIFFERENCE
    correction: str = "holm"
    questions: tuple[tuple[tuple[str, ...], PlannedContrast], ...] = ()

    @classmethod
    def of(
        cls,
        study_row: StudyRow,
        smallest_difference: float | None = None,
        correction: str | None = None,
    ) -> "Rules":
        """What is given, else what the study file's ``report`` says, else the defaults."""
        given = {"smallest_difference": smallest_difference, "correction": correction}
        said = study_row.spec.get("report") or {}
        chosen: dict[str, Any] = {
            key: said.get(key) if own is None else own for key, own in given.items()
        }
        given_rules = {key: value for key, value in chosen.items() if value is not None}
        return cls(**given_rules, questions=_questions(study_row))

    def planned(self, reading: PhaseReading, cells: Iterable[str]) -> dict[str, PlannedContrast]:
        """Cell to what was asked of it, in the order of the questions.

        A cell of crossed factors has the reference's levels of what its question does not name.
        """
        by_cell = {cell: _parts(cell) for cell in cells}
        return {
            cell: contrast
            for parts, contrast in self.questions
            for cell, own in by_cell.items()
            if own >= set(parts) and all(_of_reference(part, reading) for part in own - set(parts))
        }


def _of_reference(part: str, reading: PhaseReading) -> bool:
    factor, _, level = part.partition("=")
    return reading.reference_level(factor) == level


def _questions(study_row: StudyRow) -> tuple[tuple[tuple[str, ...], PlannedContrast], ...]:
    asked: Mapping[str, Mapping[str, Any]] = study_row.spec.get("questions") or {}
    return tuple(
        (_question_parts(q["cell"]), PlannedContrast(name, q["side"], q["smallest_difference"]))
        for name, q in asked.items()
    )


def _question_parts(cell: str | Mapping[str, Any]) -> tuple[str, ...]:
    """The ``FACTOR=LEVEL`` texts of the cell that a question is about, or its name."""
    if isinstance(cell, str):
        return (cell,)
    return tuple(f"{factor}={level_name(level)}" for factor, level in cell.items())


def _parts(cell: str) -> frozenset[str]:
    return frozenset(re.split(r", (?=[\w.]+=)", cell))


def write_comparisons(ledger: Ledger, study_name: str, rules: Rules | None = None) -> None:
    """Bring the stored comparisons, and with them the SQL view ``ablation``, up to date.

    Args:
        ledger: the results database.
        study_name: name of the study.
        rules: as the study says when left out.
    """
    for phase in REPORTED:
        reading = PhaseReading.of(ledger, study_name, phase)
        for metric in tables_of(reading.study_row.spec):
            refresh(reading, metric, rules or Rules.of(reading.study_row))


def refresh(reading: PhaseReading, metric: str, rules: Rules) -> list[ComparisonRow]:
    """The rows of one table of scores, stored where they differ from what is stored.

    Nothing is computed where the stored rows follow from the same trials, rules and code.

    The arguments are those of :func:`score_rows`.
    """
    ledger = reading.ledger
    looks = seed_looks(reading.study_row.spec, reading.phase)
    judged_by = asdict(rules) | {"looks": looks}
    digest = comparison_digest(reading.study_row, reading.trials, metric, judged_by)
    place = (reading.study_row.name, reading.phase, metric)
    if ledger.comparisons_digest(*place) == digest:
        return ledger.comparisons(*place)
    rows = score_rows(reading, metric, rules)
    if rows or ledger.comparisons(*place):
        ledger.put_comparisons(*place, rows, digest)
    return rows


def score_rows(reading: PhaseReading, metric: str, rules: Rules) -> list[ComparisonRow]:
    """Compare the cells of a phase with its reference by a score on the test split.

    Nothing is stored.

    Args:
        reading: the phase.
        metric: any score of :mod:`sslcl.learning.score_names`; ``probe_`` before it means those
            of the linear probe.
        rules: how the rows are judged.

    Returns:
        The reference first, then the other cells in plan order, factor by factor; empty when no
        trial of the phase has finished. Unknown values are ``None``.

    Raises:
        InputError: for an unknown metric or correction, or a smallest difference not above 0.
    """
    measure = Metric.named(metric, reading.study_row.label_names)
    if not reading.cells:
        return []
    samples, reference = reading.samples_of(metric), reading.reference
    margin = rules.smallest_difference
    looked = looked_ablation(reading, rules)
    # The products are many and small: threads would spend longer waiting for each other.
    with threadpool_limits(limits=1, user_api="blas"):
        if looked is None:
            compared = compare_cells(samples, reference, measure, smallest_difference=margin)
        else:
            own = None if samples is reading.samples else samples
            compared, samples = looked.compared(measure, own), looked.stopped(samples)
        exchanged = permutation_tests(samples, reference, measure)
    rows = judged(reading, rows_of(reading, metric, compared, exchanged), compared, rules)
    return rows if looked is None else [_with_look(row, looked) for row in rows]


def looked_ablation(
    reading: PhaseReading, rules: Rules, cells: Sequence[str] | None = None
) -> LookedAblation | None:
    """The ablation with its looks; ``None`` where there is no reference, or seeds are fixed.

    Args:
        reading: the phase.
        rules: how the rows are judged.
        cells: those that are judged; those that have trials when left out.
    """
    looks = seed_looks(reading.study_row.spec, reading.phase)
    if not looks or (cells is None and REFERENCE not in reading.cells):
        return None
    ended = ended_seeds(reading.trials)
    names = list(ended) if cells is None else cells
    planned = rules.planned(reading, [name for name in names if name != REFERENCE])
    return LookedAblation(
        Rule(planned_looks(looks), rules.smallest_difference, rules.correction, planned),
        REFERENCE,
        {name: sample for name, sample in reading.samples.items() if name in names}
        if reading.cells
        else {},
        {name: ended.get(name, set()) for name in names},
        reading.study_row.label_names,
        metric_of(reading.study_row.spec),
    )


def _with_look(row: ComparisonRow, looked: LookedAblation) -> ComparisonRow:
    standing = looked.standing.get(row.cell)
    if standing is None:
        return row
    return replace(row, look=standing.look, stopped=standing.stop and str(standing.stop))


def rows_of(
    reading: PhaseReading,
    metric: str,
    compared: Mapping[str, CellComparison],
    exchanged: Mapping[str, float],
) -> list[ComparisonRow]:
    """One row for each cell, in the order of the table, before anything is corrected.

    Args:
        reading: the phase.
        metric: a score or a cost.
        compared: cell to its comparison with the reference.
        exchanged: cell to its p-value by permutation.
    """
    return [_row(reading, metric, c, compared[c], exchanged[c]) for c in _in_order(reading)]


def judged(
    reading: PhaseReading,
    rows: Sequence[ComparisonRow],
    compared: Mapping[str, CellComparison],
    rules: Rules,
    *,
    more_is_better: bool = True,
) -> list[ComparisonRow]:
    """The rows of one table with corrected p-values, their intervals and verdicts.

    Args:
        reading: the phase.
        rows: of :func:`rows_of`.
        compared: cell to its comparison with the reference.
        rules: how they are judged.
        more_is_better: the direction that is called ``better``.

    Returns:
        The reference, the rows that answer planned questions in their order, then the others.
    """
    known = {row.cell: compared[row.cell] for row in rows if not row.is_reference}
    planned = rules.planned(reading, known)
    decisions = decide(known, rules.correction, planned, more_is_better=more_is_better)
    order = list(planned)
    done: list[ComparisonRow] = []
    for row in rows:
        margin = _known(rules.smallest_difference)
        changes: dict[str, Any] = {"smallest_difference": margin, "correction": rules.correction}
        if (decision := decisions.get(row.cell)) is not None:
            changes |= {
                "p_corrected": _known(decision.p_corrected),
                "ci_low_corrected": _known(decision.ci_low),
                "ci_high_corrected": _known(decision.ci_high),
                "p_equivalence_corrected": _known(decision.p_equivalence),
                "equivalence_low": _known(decision.equivalence_low),
                "equivalence_high": _known(decision.equivalence_high),
                "verdict": decision.verdict,
                "decidable": _decidable(compared[row.cell], decision, rules, planned.get(row.cell)),
            }
        if (contrast := planned.get(row.cell)) is not None:
            own = contrast.smallest_difference
            changes |= {"question": contrast.name, "side": contrast.side}
            changes["smallest_difference"] = margin if own is None or margin is None else own
        done.append(replace(row, **changes))
    return sorted(done, key=lambda row: _place(row, order))


def _decidable(
    compared: CellComparison, decision: Decision, rules: Rules, contrast: PlannedContrast | None
) -> str | None:
    """What would decide the row, in words; costs have no smallest difference and no such words."""
    own = None if contrast is None else contrast.smallest_difference
    margin = rules.smallest_difference if own is None else own
    if math.isnan(margin) or (counts := need(compared, decision, margin)) is None:
        return None
    if counts.seeds is not None:
        return f"about {counts.seeds} seeds"
    if counts.conversations is not None:
        return f"no number of seeds, about {counts.conversations:,} test conversations"
    return "neither seeds nor test conversations alone"


def _place(row: ComparisonRow, planned: Sequence[str]) -> int:
    if row.is_reference:
        return -1
    return planned.index(row.cell) if row.cell in planned else len(planned)


def _in_order(reading: PhaseReading) -> list[str]:
    """Cells with the reference first and the levels of a factor together, else as planned."""
    factors = list(dict.fromkeys(split_cell(cell)[0] for cell in reading.cells))
    cells = sorted(reading.cells, key=lambda cell: factors.index(split_cell(cell)[0]))
    return sorted(cells, key=lambda cell: cell != reading.reference)


def _row(
    reading: PhaseReading, metric: str, cell: str, compared: CellComparison, exchanged: float
) -> ComparisonRow:
    is_reference = cell == reading.reference
    factor, level = split_cell(cell)
    if is_reference:
        factor, level = REFERENCE, "" if cell == REFERENCE else cell
    seconds = [t.seconds for t in reading.cells[cell] if t.seconds is not None]
    row = ComparisonRow(
        study=reading.study_row.name,
        phase=reading.phase,
        metric=metric,
        cell=cell,
        factor=factor,
        level=level,
        is_reference=is_reference,
        n=compared.n,
        mean=_known(compared.mean),
        sd=_known(compared.sd),
        seconds=fmean(seconds) if seconds else None,
    )
    if is_reference:
        return row
    return replace(
        row,
        pairs=compared.pairs,
        difference=_known(compared.difference),
        ci_low=_known(compared.ci_low),
        ci_high=_known(compared.ci_high),
        p_value=_known(compared.p_value),
        p_permutation=_known(exchanged),
        effect_size=_known(compared.effect_size),
        p_equivalence=_known(compared.p_equivalence),
        **_variances(compared.spread),
    )


def _variances(spread: Spread | None) -> dict[str, Any]:
    """What the interval is made of."""
    if spread is None:
        return {}
    seeds = (
        {}
        if spread.pairs < 2
        else {
            "seed_variance": spread.by_seed,
            "seed_df": spread.seed_freedom,
            "prior_df": spread.prior_freedom,
        }
    )
    return {**seeds, "conversation_variance": spread.conversations_alone}


def split_cell(cell: str) -> tuple[str, str]:
    """Factor and level of a cell's name; those of several factors are joined by ``, ``.

    Example:
        >>> split_cell("similarity=dot"), split_cell("a=1, b=2"), split_cell("winner")
        (('similarity', 'dot'), ('a, b', '1, 2'), ('configuration', 'winner'))
        >>> split_cell("without view text+audio")
        ('without', 'view text+audio')
    """
    if cell.startswith("without "):
        return "without", cell.removeprefix("without ")
    parts = [part.partition("=") for part in re.split(r", (?=[\w.]+=)", cell)]
    if not all(equals for _, equals, _ in parts):
        return "configuration", cell
    return ", ".join(name for name, _, _ in parts), ", ".join(level for _, _, level in parts)


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
