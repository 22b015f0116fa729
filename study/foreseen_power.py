"""What an ablation could show, said before it is trained."""

from search_spaces.schema import Study
from sslcl.data.types import Dataset
from sslcl.learning.score_names import score_words
from study.analysis.reading import PhaseReading
from study.design.plan import Plan
from study.stats.metrics import Metric
from study.stats.power import SUPPOSED, Deviations, detectable_difference, observed_deviations
from study.stats.reachable import MOST_SEEDS
from study.stats.sequential import planned_looks
from tracking.ledger import Ledger
from tracking.records import Phase


def power_sentence(
    planned: Plan, conversations: int, study: Study, spread: tuple[Deviations, str]
) -> str:
    """One sentence on what the ablation could show.

    Args:
        planned: the plan.
        conversations: of the test split.
        study: whose criterion is scored and whose questions are corrected among themselves.
        spread: how paired differences vary, and whence that is known.
    """
    deviations, source = spread
    ablation = next((p for p in planned.phases if p.phase is Phase.ABLATE), None)
    if ablation is None:
        return "no ablation is planned"
    looks = planned_looks(ablation.looks)
    seeds, comparisons = looks[-1].seeds, len(ablation.cells) - 1
    asked = min(len(study.questions), comparisons)
    families = (
        {"planned questions": asked, "exploratory rows": comparisons - asked}
        if asked
        else {"": comparisons}
    )
    if seeds < 2:
        return "with one seed per cell no difference can be told from chance: use ablate.seeds"

    def points(count: int) -> str:
        level = looks[-1].nominal(0.05 / count)
        smallest = detectable_difference(seeds, conversations, deviations, level, rows=comparisons)
        return f"{100 * smallest:.2f} points"

    corrected = " and ".join(
        f"{points(count)} after Holm's correction over {count} {name}".rstrip()
        for name, count in families.items()
        if count > 1
    )
    return (
        f"with {'up to ' * (len(looks) > 1)}{seeds} seeds per cell and {conversations} test "
        "conversations, a difference of "
        f"{points(1)} of {score_words(study.criterion)}"
        f"{f' ({corrected}, at worst)' if corrected else ''} would be found 4 times "
        f"in 5, if paired differences vary by {100 * deviations.seeds:.2f} points (sd) between "
        f"seeds and {100 * deviations.conversations:.2f} between conversations, {source}; "
        + _what_to_buy(seeds, conversations, deviations)
    )


def _what_to_buy(seeds: int, conversations: int, deviations: Deviations) -> str:
    """Which of the two makes up more of the variance of a difference."""
    by_seed = deviations.seeds**2 / seeds
    by_conversation = deviations.conversations**2 / conversations
    total = by_seed + by_conversation
    if not total:
        return "neither varies"
    if by_seed >= by_conversation:
        return f"seeds make up {100 * by_seed / total:.0f} % of its variance: buy seeds first"
    least = detectable_difference(MOST_SEEDS, conversations, deviations)
    return (
        f"test conversations make up {100 * by_conversation / total:.0f} % of its variance: buy "
        f"conversations (folds) first, seeds alone cannot go below {100 * least:.2f} points"
    )


def expected_deviations(
    ledger: Ledger | None, study: Study, dataset: Dataset
) -> tuple[Deviations, str]:
    """How paired differences vary: in ablations on this data, this study's first, else supposed."""
    metric = Metric.named(study.criterion, dataset.label_names)
    for row in sorted(ledger.studies() if ledger else (), key=lambda r: r.name != study.name):
        if ledger is None or row.data_fingerprint != dataset.fingerprint:
            continue
        reading = PhaseReading.of(ledger, row.name, Phase.ABLATE)
        if not reading.cells:
            continue
        observed = observed_deviations(reading.samples, reading.reference, metric)
        if observed is not None:
            return observed, f"as in the finished cells of {row.name}"
    return SUPPOSED, "as is supposed"
