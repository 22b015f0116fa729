"""The levels of one factor ranked over the datasets of several studies, as a table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sslcl.errors import InputError
from study.analysis.marginal_means import cross
from study.analysis.reading import PhaseReading
from study.reporting.marks import convergence_note
from study.reporting.phrases import latex_label
from study.reporting.table import Line, Table, TableSection
from study.reporting.units import MISSING, p_text, unit_of
from study.stats.ranks import Ranking, rank_methods


@dataclass(frozen=True)
class RankedLevels:
    """The levels of a factor, ranked over several studies.

    Args:
        metric: a score or a cost.
        factor: whose levels they are.
        ranking: of the levels.
        scores: study to level to mean score.
        notes: what a reader must know besides.
    """

    metric: str
    factor: str
    ranking: Ranking
    scores: Mapping[str, Mapping[str, float]]
    notes: tuple[str, ...]


def rank_levels(readings: Sequence[PhaseReading], metric: str, factor: str) -> RankedLevels:
    """Rank the levels of ``factor`` that all studies have, each study being one dataset.

    Raises:
        InputError: for a factor that does not vary in a study, two studies of the same data, or
            too few levels or studies.
    """
    _refuse_same_data(readings)
    crossings = {reading.study_row.name: cross(reading, metric, (factor,)) for reading in readings}
    levels = {
        name: {level[0]: mean.mean for level, mean in crossing.means.items()}
        for name, crossing in crossings.items()
    }
    first = next(iter(levels.values()))
    common = [level for level in first if all(level in own for own in levels.values())]
    left = sorted({level for own in levels.values() for level in own} - set(common))
    scores = {name: {level: own[level] for level in common} for name, own in levels.items()}
    ranking = rank_methods(scores, more_is_better=unit_of(metric).more_is_better)
    notes = [f"{name}: {note}" for name, crossing in crossings.items() for note in crossing.notes]
    notes += [
        f"{r.study_row.name}: {note}" for r in readings for note in convergence_note(r, metric)
    ]
    if left:
        notes.insert(0, f"Not in all studies and left out: {', '.join(left)}.")
    return RankedLevels(metric, factor, ranking, scores, tuple(notes))


def ranks_table(ranked: RankedLevels) -> Table:
    """Average ranks, scores by study and the p-value to the best level, the best first."""
    unit, ranking = unit_of(ranked.metric), ranked.ranking
    best = ranking.methods[0]
    lines = []
    for method, rank in zip(ranking.methods, ranking.average_ranks, strict=True):
        p_value = MISSING if method == best else p_text(ranking.p_values[best, method])
        shown = [unit.number(own[method]) for own in ranked.scores.values()]
        lines.append(Line(method, (f"{rank:.2f}", p_value, *shown)))
    return Table(
        title=f"Ranks of {ranked.factor} over {ranking.datasets} datasets",
        label=latex_label("ranks", ranked.factor, ranked.metric),
        heading=("", ranked.factor, "Rank", "p to best", *ranked.scores),
        sections=(TableSection("", tuple(lines)),),
        records=_records(ranked),
        caption=f"{unit.heading}, means over seeds. {ranking.words}",
        notes=(*_groups(ranking), *ranked.notes),
    )


def _groups(ranking: Ranking) -> list[str]:
    groups = "; ".join(", ".join(group) for group in ranking.groups)
    return [f"Not told apart: {groups}."] if groups else ["All pairs are told apart."]


def _records(ranked: RankedLevels) -> list[dict[str, object]]:
    ranking = ranked.ranking
    best = ranking.methods[0]
    return [
        {
            ranked.factor: method,
            "average_rank": rank,
            "p_to_best": ranking.p_values.get((best, method)),
            "friedman_p": ranking.friedman_p,
            "critical_difference": ranking.critical_difference,
            **{name: own[method] for name, own in ranked.scores.items()},
        }
        for method, rank in zip(ranking.methods, ranking.average_ranks, strict=True)
    ]


def _refuse_same_data(readings: Sequence[PhaseReading]) -> None:
    seen: dict[str, str] = {}
    for reading in readings:
        name, data = reading.study_row.name, reading.study_row.data_fingerprint
        if data in seen:
            raise InputError(
                f"studies '{seen[data]}' and '{name}' are of the same data: expected one study "
                "for each dataset"
            )
        seen[data] = name
