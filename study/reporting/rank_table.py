"""The levels of one factor ranked over the datasets of several studies, as a table."""

from collections.abc import Mapping, Sequence

from sslcl.errors import InputError
from study.analysis.comparisons import PhaseReading
from study.analysis.marginal_means import cross
from study.reporting.comparison_table import metric_title, p_text
from study.reporting.table import Line, Section, Sheet
from study.reporting.units import MISSING, unit_of
from study.stats.ranks import Ranking, rank_methods


def rank_levels(
    readings: Sequence[PhaseReading], metric: str, factor: str
) -> tuple[Ranking, Mapping[str, Mapping[str, float]], tuple[str, ...]]:
    """Rank the levels of ``factor`` that all studies have, each study being one dataset.

    Returns:
        The ranking, the scores by study and level, and what a reader must know besides.

    Raises:
        InputError: for a factor that does not vary in a study, two studies of the same data, or
            too few levels or studies.
    """
    _refuse_same_data(readings)
    found = {reading.study.name: cross(reading, metric, (factor,)) for reading in readings}
    levels = {name: {lv[0]: mean.mean for lv, mean in c.means.items()} for name, c in found.items()}
    common = [lv for lv in next(iter(levels.values())) if all(lv in own for own in levels.values())]
    left = sorted({lv for own in levels.values() for lv in own} - set(common))
    scores = {name: {level: own[level] for level in common} for name, own in levels.items()}
    ranking = rank_methods(scores, more_is_better=unit_of(metric).more_is_better)
    notes = [f"{name}: {note}" for name, crossing in found.items() for note in crossing.notes]
    if left:
        notes.insert(0, f"Not in all studies and left out: {', '.join(left)}.")
    return ranking, scores, tuple(notes)


def ranks_sheet(
    ranking: Ranking,
    scores: Mapping[str, Mapping[str, float]],
    metric: str,
    factor: str,
    notes: Sequence[str] = (),
) -> Sheet:
    """Average ranks, scores by study and what each level differs from, the best first."""
    unit = unit_of(metric)
    best = ranking.methods[0]
    lines = []
    for method, rank in zip(ranking.methods, ranking.average_ranks, strict=True):
        p_value = MISSING if method == best else p_text(ranking.p_values[best, method])
        shown = [unit.number(own[method]) for own in scores.values()]
        lines.append(Line(method, (f"{rank:.2f}", p_value, *shown)))
    return Sheet(
        title=f"Ranks of {factor} over {ranking.datasets} datasets",
        label=f"ranks-{factor}-{metric}".translate(str.maketrans("_:.", "---")),
        heading=("", factor, "Rank", "p to best", *scores),
        sections=(Section("", tuple(lines)),),
        records=_records(ranking, scores, factor),
        caption=f"{unit_of(metric).heading}, means over seeds. {ranking.words}",
        notes=(*_groups(ranking), *notes),
    )


def title_of(metric: str, factor: str) -> str:
    """Title of the diagram."""
    return f"{metric_title(metric)} by {factor}: average ranks"


def _groups(ranking: Ranking) -> list[str]:
    told = "; ".join(", ".join(group) for group in ranking.groups)
    return [f"Not told apart: {told}."] if told else ["All pairs are told apart."]


def _records(
    ranking: Ranking, scores: Mapping[str, Mapping[str, float]], factor: str
) -> list[dict[str, object]]:
    best = ranking.methods[0]
    return [
        {
            factor: method,
            "average_rank": rank,
            "p_to_best": ranking.p_values.get((best, method)),
            "friedman_p": ranking.friedman_p,
            "critical_difference": ranking.critical_difference,
            **{name: own[method] for name, own in scores.items()},
        }
        for method, rank in zip(ranking.methods, ranking.average_ranks, strict=True)
    ]


def _refuse_same_data(readings: Sequence[PhaseReading]) -> None:
    seen: dict[str, str] = {}
    for reading in readings:
        name, data = reading.study.name, reading.study.data_fingerprint
        if data in seen:
            raise InputError(
                f"studies '{seen[data]}' and '{name}' are of the same data: expected one study "
                "for each dataset"
            )
        seen[data] = name
