"""The methods paragraph of a paper: what chose, what was tested, how, and how corrected."""

from collections.abc import Iterator, Sequence

from search_spaces.schema import Ablate
from sslcl.learning.score_names import lowered
from study.analysis.reading import PhaseReading
from study.reporting.looks import looks_methods
from study.reporting.phrases import (
    corrected_words,
    correction_of,
    direction_words,
    fold_words,
    margin_words,
    moderation_words,
    seeds_words,
)
from study.reporting.units import metric_title
from study.stats.comparison import RESAMPLES
from study.stats.permutation import smallest_p
from study.stats.verdicts import SIGNIFICANCE
from tracking.costs import COSTS
from tracking.records import Phase
from tracking.rows import ComparisonRow

_WHY = {
    "holm": "which bounds the chance of any false claim in the table at 5 %",
    "bh": "which bounds the expected share of false claims in the table at 5 %",
}


def methods_paragraph(reading: PhaseReading, rows: Sequence[ComparisonRow], metric: str) -> str:
    """The paragraph for a paper: what chose, what was tested, how, why so and how corrected.

    Args:
        reading: the phase that was compared.
        rows: its table.
        metric: what the table scores.
    """
    looks = [] if metric in COSTS else looks_methods(reading)
    parts = [*_training(reading, rows), *_testing(rows, metric), *looks, *_judging(rows, metric)]
    return " ".join(parts)


def _training(reading: PhaseReading, rows: Sequence[ComparisonRow]) -> Iterator[str]:
    conversations, utterances = reading.size
    yield (
        f"Every configuration was trained on {reading.study_row.dataset} with {seeds_words(rows)} "
        "that no search had used, paired across configurations."
    )
    if reading.folds:
        yield (
            f"The corpus was divided into {fold_words(reading)}: each of its "
            f"{conversations} conversations ({utterances} utterances) was tested "
            "once per seed, by a model whose training, hyperparameters and epoch rest on other "
            "folds alone, with validation conversations held out of these; the predictions of all "
            "folds were scored together."
        )
    else:
        yield (
            "Hyperparameters and the epoch of every model were chosen on the validation split "
            f"alone; the test split ({conversations} conversations, "
            f"{utterances} utterances) was evaluated once per model, at that epoch."
        )
    ablate = reading.study_row.spec.get("ablate")
    if reading.phase is Phase.ABLATE and ablate:
        yield from _tuning(Ablate.model_validate(ablate))


def _tuning(ablate: Ablate) -> Iterator[str]:
    if not ablate.tunes_cells:
        return
    over = ""
    if ablate.retuned is not None:
        over = f" over {' and '.join(ablate.retuned.fields)}, where it reads them,"
    yield (
        f"Each configuration, the reference included, was tuned{over} with an equal budget of "
        f"{ablate.tuning_trials} search trials of its own before it was trained with fresh seeds."
    )


def _testing(rows: Sequence[ComparisonRow], metric: str) -> Iterator[str]:
    title = metric_title(metric)
    yield (
        f"We report {lowered(title)} as mean ± "
        "standard deviation over seeds, and differences to the reference paired by seed"
        + ("." if metric in COSTS else " and by test conversation.")
    )
    if metric in COSTS:
        yield (
            "Intervals and two-sided p-values are those of the paired t-test over seeds; "
            f"{moderation_words(rows)}, in units of the cost's size. They speak of the same "
            "machine and data."
        )
    else:
        yield (
            "Seeds and conversations are treated as crossed random factors, because utterances of "
            "one conversation are not independent and neither are models tested on the same "
            "conversations: the variance of a difference is estimated from the paired differences "
            f"over seeds and from {RESAMPLES:,} bootstrap draws of whole conversations, their "
            "overlap counted once, and each part takes the quantile of Student's t of its own "
            f"degrees of freedom; {moderation_words(rows)} (empirical Bayes, Smyth 2004, for "
            "differences that share a reference). The interval and the two-sided p-value come "
            "from the same distribution."
        )
    pairs = min((row.pairs for row in rows if row.pairs), default=0)
    if pairs > 1:
        yield (
            f"A permutation test over {pairs} paired seeds cannot give a p-value below "
            f"{smallest_p(pairs):.3g}, so it is reported for comparison and decides nothing."
        )


def _judging(rows: Sequence[ComparisonRow], metric: str) -> Iterator[str]:
    yield (
        f"p-values are {corrected_words(rows)}, {_WHY[correction_of(rows)]}; every interval is "
        "given at the level at which the correction decides its row, so that it excludes 0 exactly "
        "where the corrected p-value is below 0.05."
    )
    yield (
        "Effect sizes are mean paired differences in standard deviations of these differences "
        "over seeds, corrected for their small number."
    )
    if metric in COSTS:
        yield f"{direction_words(metric)} Equivalence of costs was not tested."
        return
    yield (
        "A configuration is called better or worse where its corrected p-value is below "
        f"{SIGNIFICANCE}, equivalent where two one-sided tests, corrected likewise, show that it "
        f"differs from the reference by less than {margin_words(rows, metric)}, the smallest "
        "difference taken to be of interest, and otherwise not shown to differ, which is no "
        "claim of equality."
    )
