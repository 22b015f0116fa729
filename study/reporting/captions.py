"""What a table says about itself: how it was measured and tested, and what is missing."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from search_spaces.schema import Ablate
from study.analysis.comparisons import Rules
from study.analysis.levels import BY_FOLD, config_level
from study.analysis.reading import PhaseReading
from study.design.cell import REFERENCE
from study.reporting.phrases import (
    corrected_words,
    direction_words,
    margin_words,
    measured_on,
    moderation_words,
    named,
    plural,
    seeds_words,
)
from study.reporting.units import metric_title
from study.stats.comparison import RESAMPLES
from tracking.costs import COSTS
from tracking.records import Phase, Status
from tracking.rows import ComparisonRow, StudyRow, TrialRow


def reference_levels(reading: PhaseReading, rows: Sequence[ComparisonRow]) -> dict[str, str]:
    """The level that the reference has of each factor of the rows, where it has one."""
    levels = {}
    for factor in dict.fromkeys(row.factor for row in rows if not row.is_reference):
        known = [reading.reference_level(name) for name in factor.split(", ")]
        if all(level is not None for level in known):
            levels[factor] = ", ".join(map(str, known))
    return levels


def retuned_levels(reading: PhaseReading) -> dict[str, dict[str, object]]:
    """The values that rows chose anew: factor to cell to level, for the cells that read it.

    Empty where rows have no searches of their own over a few factors.
    """
    retune = _ablate(reading).retuned
    if retune is None:
        return {}
    levels: dict[str, dict[str, object]] = {name: {} for name in retune.fields}
    for cell, trials in reading.cells.items():
        read = trials[0].config.canonical()
        for name in retune.fields:
            chosen = dict.fromkeys(config_level(trial.config, name) for trial in trials)
            level = next(iter(chosen)) if len(chosen) == 1 else BY_FOLD
            if level is not None and name.partition(".")[0] in read:
                levels[name][cell] = level
    return levels


def caption(reading: PhaseReading, rows: Sequence[ComparisonRow], metric: str) -> str:
    """The methods in short: what was measured on what, how it was tested and corrected."""
    what, seeds = f"{metric_title(metric)} on {measured_on(reading, metric)}", seeds_words(rows)
    paired = "Differences to the reference (its levels in brackets) are paired by seed;"
    effect = "Effect: standardised paired difference."
    if metric in COSTS:
        return (
            f"{what}; mean ± sd over {seeds}. {paired} intervals and two-sided p-values (t) allow "
            f"for new seeds on the same machine, {moderation_words(rows)}; p "
            f"{corrected_words(rows)}, every interval at the level at which that decides the row. "
            f"{direction_words(metric)} {effect}"
        )
    return (
        f"{what} at the epoch chosen on validation; mean ± sd over {seeds}. {paired} intervals "
        f"and two-sided p-values allow for new seeds and new conversations ({RESAMPLES:,} draws "
        f"of conversations, t quantiles), {moderation_words(rows)}; p {corrected_words(rows)}, "
        "and every interval is that of the row's verdict, at the level at which the correction "
        f"decides it. {effect} Equivalent: surely less than {margin_words(rows, metric)} apart."
    )


def notes(reading: PhaseReading) -> Iterator[str]:
    """What a reader must know besides: failures, missing trials, seeds that do not pair."""
    yield from _failed(reading)
    missing = [t for t in reading.trials if not t.status.final]
    if missing:
        yield f"Provisional: {plural(len(missing), 'planned trial')} not finished."
    if REFERENCE not in reading.cells:
        yield (
            f"The reference is {reading.reference}, the configuration with the best mean "
            "validation score."
        )
    if budget := tuning_note(reading):
        yield budget
    if len({trial.config.balance for cell in reading.cells.values() for trial in cell}) > 1:
        yield "Rows of another balance are scored on other utterances of the same conversations."
    yield timing_note(reading.study_row, [t for cell in reading.cells.values() for t in cell])
    if unanswered := _unanswered(reading):
        yield f"Planned questions without a row: {', '.join(unanswered)}."
    others = {c: {t.config.seed for t in trials} for c, trials in reading.cells.items()}
    base = others.pop(reading.reference)
    pairs = {cell: len(base & seeds) for cell, seeds in others.items()}
    single = [cell for cell, count in pairs.items() if count == 1]
    if single:
        yield (
            f"One common seed only ({named(single, others)}): the interval covers new "
            "conversations, not new seeds."
        )
    apart = [cell for cell, count in pairs.items() if count == 0]
    if apart:
        yield f"No seed in common with the reference: {named(apart, others)}."
    fewer = [cell for cell, n in pairs.items() if 1 < n < len(others[cell])]
    if fewer:
        yield f"Differences rest on the seeds in common with the reference: {'; '.join(fewer)}."


def _failed(reading: PhaseReading) -> Iterator[str]:
    failed = [t for t in reading.trials if t.status is Status.FAILED]
    if failed:
        names = "; ".join(
            f"{t.cell} seed {t.config.seed}"
            + (f" fold {t.config.fold}" if t.config.fold else "")
            + (f" ({t.failure})" if t.failure else "")
            for t in failed
        )
        yield f"Failed and not counted in n: {plural(len(failed), 'trial')}: {names}."
        if reading.folds:
            yield "A seed that lacks a fold is left out, since all folds are scored together."


def undecided_note(rows: Sequence[ComparisonRow]) -> tuple[str, ...]:
    """What each row that is not shown would take, if its difference stays as it is."""
    needs = [f"{row.cell}: {row.decidable}" for row in rows if row.decidable]
    if not needs:
        return ()
    return (f"What would decide the rows not shown, if they stay as they are: {'; '.join(needs)}.",)


def _unanswered(reading: PhaseReading) -> list[str]:
    """Questions about a cell that is the reference, was skipped or has not finished."""
    if reading.phase is not Phase.ABLATE:
        return []
    rules = Rules.of(reading.study_row)
    cells = [cell for cell in reading.cells if cell != reading.reference]
    answered = {contrast.name for contrast in rules.planned(reading, cells).values()}
    return [contrast.name for _, contrast in rules.questions if contrast.name not in answered]


def tuning_note(reading: PhaseReading) -> str | None:
    """Where rows had searches of their own: the budget of each, and what the reference is."""
    ablate = _ablate(reading)
    if not ablate.tunes_cells:
        return None
    if ablate.retuned is not None:
        fields = " and ".join(ablate.retuned.fields)
        return (
            f"Every row, the reference too, chose {fields} anew "
            f"{'in every fold ' if reading.folds else ''}by "
            f"{plural(ablate.tuning_trials, 'search trial')} of its own on validation scores, the "
            "settings of the reference among them; the values that won stand in its last columns, "
            "and the row was then trained with fresh seeds."
        )
    levels = {name: reading.reference_level(name) for name in ablate.factors}
    reference = ", ".join(f"{n}={level}" for n, level in levels.items() if level is not None)
    return (
        f"Every row, the reference ({reference}) too, was tuned by "
        f"{plural(ablate.tuning_trials, 'search trial')} of its own "
        f"{'in every fold ' if reading.folds else ''}on validation scores, over "
        f"all factors but {', '.join(ablate.factors)}; the winner was then trained with fresh "
        "seeds."
    )


def _ablate(reading: PhaseReading) -> Ablate:
    """The ablation that a phase is; one without cells where it is none."""
    raw = reading.study_row.spec.get("ablate")
    if reading.phase is not Phase.ABLATE or not raw:
        return Ablate(design="search")
    return Ablate.model_validate(raw)


def timing_note(study_row: StudyRow, trials: Sequence[TrialRow]) -> str:
    """Whether the trials were timed alone: the study says so, and their times do not overlap.

    Trials that were taken from the results database (CACHED) were timed in another run.
    """
    asked = (study_row.spec.get("resources") or {}).get("exclusive", False)
    times = sorted((t.started_at, t.ended_at) for t in trials if t.started_at and t.ended_at)
    apart = all(end <= start for (_, end), (start, _) in pairwise(times))
    taken = len(trials) - len(times)
    if asked and apart:
        but = f", but for the {taken} taken from an earlier run" if taken else ""
        return f"Timings are exclusive: trials ran one at a time{but}."
    return (
        "Timings are not exclusive: trials may have run side by side; resources: "
        "{exclusive: true} in the study file times them alone."
    )
