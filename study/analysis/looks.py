"""An ablation whose rows were given seeds look after look: where each stopped, and what it shows.

Everything follows from the trials in the ledger, so a run, a resumed run and a report agree.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from search_spaces.schema import FIRST_ABLATION_SEED, Ablate
from study.stats.comparison import CellComparison, Sample, compare_cells
from study.stats.metrics import Metric
from study.stats.names import DEFAULT_METRIC
from study.stats.sequential import Look, Rule, Standing, at_look, follow
from tracking.records import Phase
from tracking.rows import TrialRow


def seed_looks(spec: Mapping[str, Any], phase: Phase) -> tuple[int, ...]:
    """Seeds of a cell at each look of a phase of a study; empty where their number is fixed."""
    raw = spec.get("ablate")
    if phase is not Phase.ABLATE or not raw:
        return ()
    looks = Ablate.model_validate(raw).seed_looks
    return looks if len(looks) > 1 else ()


@dataclass(frozen=True)
class LookedAblation:
    """The trials of an ablation with looks.

    Args:
        rule: looks, margin, correction and planned rows.
        reference: the cell that the others are compared with.
        samples: test predictions by cell.
        ended: cell to the seeds whose trials have ended, well or not.
        label_names: of the classes.
        judged_by: name of the metric that decides when a row stops.
    """

    rule: Rule
    reference: str
    samples: Mapping[str, Sample]
    ended: Mapping[str, Set[int]]
    label_names: Sequence[str]
    judged_by: str = DEFAULT_METRIC

    @cached_property
    def standing(self) -> dict[str, Standing]:
        """Where each row stands, judged by the metric that the study is judged by."""
        metric = Metric.named(self.judged_by, self.label_names)
        rows = [cell for cell in self.ended if cell != self.reference]
        if self.reference not in self.samples:
            return {row: Standing() for row in rows}

        def compare(seeds: Mapping[str, int]) -> dict[str, CellComparison]:
            return self._compare(_first(self.samples, seeds, self.reference), metric)

        return follow(rows, self._is_complete, compare, self.rule)

    def compared(
        self, metric: Metric, samples: Mapping[str, Sample] | None = None
    ) -> dict[str, CellComparison]:
        """Every cell with the reference by another score, at the look where its row stands.

        Levels of looks add up to the whole level whatever decides when a row stops, so they hold
        for scores that do not decide it too.

        Args:
            metric: what is scored.
            samples: predictions by cell, such as those of probes; the models' own when left out.
        """
        compared = self._compare(self.stopped(samples or self.samples), metric)
        return {
            cell: one
            if cell == self.reference
            else at_look(one, self._look(cell), self.rule.margin)
            for cell, one in compared.items()
        } | (self._kept(metric) if samples is None else {})

    def stopped(self, samples: Mapping[str, Sample]) -> dict[str, Sample]:
        """Predictions by cell, of the seeds up to the look where its row stands."""
        return _first(
            samples, {row: self._look(row).seeds for row in self.standing}, self.reference
        )

    def _kept(self, metric: Metric) -> dict[str, CellComparison]:
        """What decided: the comparisons at which rows stopped."""
        if metric.name != self.judged_by:
            return {}
        return {row: now.compared for row, now in self.standing.items() if now.compared}

    def _look(self, row: str) -> Look:
        return self.rule.looks[max(self.standing[row].look, 1) - 1]

    def _compare(self, samples: Mapping[str, Sample], metric: Metric) -> dict[str, CellComparison]:
        margin = self.rule.margin
        return compare_cells(samples, self.reference, metric, smallest_difference=margin)

    def _is_complete(self, row: str, look: Look) -> bool:
        wanted = set(range(FIRST_ABLATION_SEED, FIRST_ABLATION_SEED + look.seeds))
        return wanted <= self.ended[row] and wanted <= self.ended.get(self.reference, set())


def ended_seeds(trials: Sequence[TrialRow]) -> dict[str, set[int]]:
    """Cell to the seeds whose trials have ended, those of all folds, in the order of the plan."""
    ended: dict[str, set[int]] = defaultdict(set)
    open_ = {(t.cell, t.config.seed) for t in trials if not t.status.final}
    for trial in trials:
        seed = trial.config.seed
        ended[trial.cell] |= set() if (trial.cell, seed) in open_ else {seed}
    return dict(ended)


def _first(
    samples: Mapping[str, Sample], seeds: Mapping[str, int], reference: str
) -> dict[str, Sample]:
    """The samples of so many first seeds; those of the reference are all there."""
    return {
        cell: sample if cell not in seeds else _cut(sample, seeds[cell])
        for cell, sample in samples.items()
        if cell == reference or any(_within(s, seeds[cell]) for s in sample.seeds)
    }


def _within(seed: int, count: int) -> bool:
    return seed < FIRST_ABLATION_SEED + count


def _cut(sample: Sample, count: int) -> Sample:
    kept = [place for place, seed in enumerate(sample.seeds) if _within(seed, count)]
    return Sample(tuple(sample.seeds[place] for place in kept), sample.confusion[kept])
