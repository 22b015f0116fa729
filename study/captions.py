"""What a table says about itself: how it was measured and tested, and what is missing."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from search_spaces.factors import level_name
from search_spaces.schema import Ablate
from study.comparisons import PhaseReading
from study.costs import COSTS
from study.designs.cell import REFERENCE
from study.levels import level_of
from study.permutation import smallest_p
from study.statistics import RESAMPLES
from study.tables import metric_title
from study.units import unit_of
from study.verdicts import SIGNIFICANCE
from tracking.records import Phase, Status
from tracking.rows import ComparisonRow, StudyRow, TrialRow


def reference_levels(reading: PhaseReading, rows: Sequence[ComparisonRow]) -> dict[str, str]:
    """The level that the reference has of each factor of the rows, where it has one."""
    config = reading.cells[reading.reference][0].config
    levels = {}
    for factor in dict.fromkeys(row.factor for row in rows if not row.is_reference):
        known = [level_of(config, name) for name in factor.split(", ")]
        if all(level is not None for level in known):
            levels[factor] = ", ".join(level_name(level) for level in known)
    return levels


def caption(reading: PhaseReading, rows: Sequence[ComparisonRow], metric: str) -> str:
    """The methods in short: what was measured on what, how it was tested and corrected."""
    if metric in COSTS:
        return (
            f"{metric_title(metric)} on {measured_on(reading, metric)}; mean ± sd over "
            f"{_seeds(rows)}. Differences to the reference (its levels in brackets) are paired by "
            "seed; intervals and two-sided p-values (t) allow for new seeds on the same machine, "
            f"p {_corrected(rows)}. {_direction(metric)} Effect: standardised paired difference."
        )
    return (
        f"{metric_title(metric)} on {measured_on(reading, metric)} at the epoch chosen "
        f"on validation; mean ± sd over {_seeds(rows)}. Differences to the reference (its levels "
        "in brackets) are paired by seed; intervals and two-sided p-values allow for new seeds and "
        f"new conversations ({RESAMPLES:,} draws of conversations, t quantiles), p "
        f"{_corrected(rows)}. Effect: standardised paired difference. Equivalent: surely less "
        f"than {_margin(rows, metric)} apart."
    )


def methods_paragraph(reading: PhaseReading, rows: Sequence[ComparisonRow], metric: str) -> str:
    """The paragraph for a paper: what chose, what was tested, how, why so and how corrected.

    Args:
        reading: the phase that was compared.
        rows: its table.
        metric: what the table scores.
    """
    parts = [*_training(reading, rows), *_testing(rows, metric), *_judging(rows, metric)]
    return " ".join(parts)


def _training(reading: PhaseReading, rows: Sequence[ComparisonRow]) -> Iterator[str]:
    tested = reading.scored
    yield (
        f"Every configuration was trained on {reading.study.dataset} with {_seeds(rows)} that no "
        "search had used, paired across configurations."
    )
    yield (
        "Hyperparameters and the epoch of every model were chosen on the validation split alone; "
        f"the test split ({tested.conversations} conversations, {tested.utterances} utterances) "
        "was evaluated once per model, at that epoch."
    )
    if budget := tuning_note(reading):
        yield budget


def _testing(rows: Sequence[ComparisonRow], metric: str) -> Iterator[str]:
    title = metric_title(metric)
    yield (
        f"We report {title if title.startswith('F1') else title[0].lower() + title[1:]} as mean ± "
        "standard deviation over seeds, and differences to the reference paired by seed"
        + ("." if metric in COSTS else " and by test conversation.")
    )
    if metric in COSTS:
        yield (
            "Intervals (95 %) and two-sided p-values are those of the paired t-test over seeds; "
            "they speak of the same machine and data."
        )
    else:
        yield (
            "Seeds and conversations are treated as crossed random factors, because utterances of "
            "one conversation are not independent and neither are models tested on the same "
            "conversations: the variance of a difference is estimated from the paired differences "
            f"over seeds and from {RESAMPLES:,} bootstrap draws of whole conversations, their "
            "overlap counted once, and each part takes the quantile of Student's t of its own "
            "degrees of freedom. The 95 % interval and the two-sided p-value come from the same "
            "distribution."
        )
    pairs = min((row.pairs for row in rows if row.pairs), default=0)
    if pairs > 1:
        yield (
            f"A permutation test over {pairs} paired seeds cannot give a p-value below "
            f"{smallest_p(pairs):.3g}, so it is reported for comparison and decides nothing."
        )


def _judging(rows: Sequence[ComparisonRow], metric: str) -> Iterator[str]:
    yield f"p-values are {_corrected(rows)}, {_WHY[_correction(rows)]}."
    yield (
        "Effect sizes are mean paired differences in standard deviations of these differences "
        "over seeds, corrected for their small number."
    )
    if metric in COSTS:
        yield f"{_direction(metric)} Equivalence of costs was not tested."
        return
    yield (
        "A configuration is called better or worse where its corrected p-value is below "
        f"{SIGNIFICANCE}, equivalent where two one-sided tests, corrected likewise, show that it "
        f"differs from the reference by less than {_margin(rows, metric)}, the smallest "
        "difference taken to be of interest, and otherwise not shown to differ, which is no "
        "claim of equality."
    )


_WHY = {
    "holm": "which bounds the chance of any false claim in the table at 5 %",
    "bh": "which bounds the expected share of false claims in the table at 5 %",
}
_PROCEDURE = {"holm": "Holm-corrected", "bh": "Benjamini-Hochberg-corrected"}


def measured_on(reading: PhaseReading, metric: str) -> str:
    """Such as ``the test split of mosi (31 conversations, 752 utterances)``."""
    return reading.study.dataset if metric in COSTS else f"the test split of {_data(reading)}"


def _data(reading: PhaseReading) -> str:
    """Such as ``mosi (31 conversations, 752 utterances)``."""
    tested = reading.scored
    kind = "generated data, " if reading.study.environment.get("synthetic") else ""
    return (
        f"{reading.study.dataset} ({kind}{tested.conversations} conversations, "
        f"{tested.utterances} utterances)"
    )


def _seeds(rows: Sequence[ComparisonRow]) -> str:
    """Such as ``5 seeds`` or ``4 to 5 seeds``."""
    fewest, most = min(row.n for row in rows), max(row.n for row in rows)
    seeds = f"{most} seed{'s' if most > 1 else ''}"
    return seeds if fewest == most else f"{fewest} to {seeds}"


def _correction(rows: Sequence[ComparisonRow]) -> str:
    return next((row.correction for row in rows if row.correction), "holm")


def _corrected(rows: Sequence[ComparisonRow]) -> str:
    tests = sum(row.p_value is not None for row in rows)
    return f"{_PROCEDURE[_correction(rows)]} over {tests} comparison{'s' if tests != 1 else ''}"


def _margin(rows: Sequence[ComparisonRow], metric: str) -> str:
    """The smallest interesting difference in words, such as ``1.00 point``."""
    unit, known = unit_of(metric), [r.smallest_difference for r in rows if r.smallest_difference]
    shown = unit.number(known[0]) if known else unit.number(None)
    return f"{shown} point{'' if shown == '1.00' else 's'}"


def _direction(metric: str) -> str:
    return f"{'More' if COSTS[metric] else 'Less'} is better."


def notes(reading: PhaseReading) -> Iterator[str]:
    """What a reader must know besides: failures, missing trials, seeds that do not pair."""
    failed = [t for t in reading.trials if t.status is Status.FAILED]
    if failed:
        named = "; ".join(
            f"{t.cell} seed {t.config.seed}" + (f" ({t.failure})" if t.failure else "")
            for t in failed
        )
        yield f"Failed and not counted in n: {len(failed)} trial{_s(failed)}: {named}."
    missing = [t for t in reading.trials if not t.status.final]
    if missing:
        yield f"Provisional: {len(missing)} planned trial{_s(missing)} not finished."
    if REFERENCE not in reading.cells:
        yield (
            f"The reference is {reading.reference}, the configuration with the best mean "
            "validation score."
        )
    if budget := tuning_note(reading):
        yield budget
    yield timing_note(reading.study, [t for cell in reading.cells.values() for t in cell])
    others = {c: {t.config.seed for t in trials} for c, trials in reading.cells.items()}
    base = others.pop(reading.reference)
    pairs = {cell: len(base & seeds) for cell, seeds in others.items()}
    single = [cell for cell, count in pairs.items() if count == 1]
    if single:
        yield (
            f"One common seed only ({_names(single, others)}): the interval covers new "
            "conversations, not new seeds."
        )
    apart = [cell for cell, count in pairs.items() if count == 0]
    if apart:
        yield f"No seed in common with the reference: {_names(apart, others)}."
    fewer = [cell for cell, n in pairs.items() if 1 < n < len(others[cell])]
    if fewer:
        yield f"Differences rest on the seeds in common with the reference: {'; '.join(fewer)}."


def tuning_note(reading: PhaseReading) -> str | None:
    """In the design ``tuned``: the budget that every row was given, and what the reference is."""
    raw = reading.study.spec.get("ablate")
    if reading.phase is not Phase.ABLATE or not raw:
        return None
    ablate = Ablate.model_validate(raw)
    if ablate.design != "tuned":
        return None
    config = reading.cells[reading.reference][0].config
    levels = {name: level_of(config, name) for name in ablate.factors}
    named = ", ".join(f"{n}={level_name(v)}" for n, v in levels.items() if v is not None)
    trials = ablate.tuning_trials
    return (
        f"Every row, the reference ({named}) too, was tuned by {trials} search trial"
        f"{'' if trials == 1 else 's'} of its own on validation scores, over all factors but "
        f"{', '.join(ablate.factors)}; the winner was then trained with fresh seeds."
    )


def timing_note(study: StudyRow, trials: Sequence[TrialRow]) -> str:
    """Whether the trials were timed alone: the study says so, and their times do not overlap.

    Trials that were taken from the results database (CACHED) were timed in another run.
    """
    asked = (study.spec.get("resources") or {}).get("exclusive", False)
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


def _names(some: Sequence[str], everything: Mapping[str, object]) -> str:
    return "all rows" if len(some) == len(everything) else "; ".join(some)


def _s(things: Sequence[object]) -> str:
    return "" if len(things) == 1 else "s"
