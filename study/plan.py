"""Which trials a study needs: a pure function of the study, the winner and nothing else."""

import hashlib
import json
import math
from collections.abc import Callable, Collection, Sequence, Set
from dataclasses import dataclass

from search_spaces.schema import FIRST_FRESH_SEED, Assignment, Study
from sslcl.config import TrialConfig
from study.cells import REFERENCE, Cell, Cells, ablation_cells, placeholder
from tracking.records import Phase, PlannedTrial

Identify = Callable[[TrialConfig], str]
"""From a configuration to the content hash of its trial."""


def search_seed(study: Study) -> int:
    """The seed that every search trial is trained with."""
    return study.search.seed if study.search else 0


def fresh_seeds(count: int) -> tuple[int, ...]:
    """The seeds of confirmation and ablation: the same for every cell, none of them searched."""
    return tuple(range(FIRST_FRESH_SEED, FIRST_FRESH_SEED + count))


def search_id(study: Study, number: int) -> str:
    """The id of the search trial with this number; a changed space gives other ids."""
    return _hash(study.name, Phase.SEARCH, study.space_digest(), str(number))


def search_trial(
    study: Study, number: int, assignment: Assignment, identify: Identify
) -> PlannedTrial:
    """The trial of one suggestion of the sampler, with the levels that the search keeps fixed.

    Args:
        study: the study.
        number: the sampler's number of the suggestion.
        assignment: the suggestion, factor to level.
        identify: from a configuration to the content hash of its trial.
    """
    fixed = study.search.fixed if study.search else {}
    config = study.config({**assignment, **fixed}, search_seed(study))
    return PlannedTrial(
        id=search_id(study, number),
        phase=Phase.SEARCH,
        cell=f"trial{number}",
        identity=identify(config),
        config=config,
        number=number,
    )


def confirm_trials(
    study: Study, winners: Sequence[Assignment], identify: Identify
) -> list[PlannedTrial]:
    """The best configurations of the search with fresh seeds; cells ``rank1``, ``rank2``, ..."""
    if study.confirm is None:
        raise ValueError(f"study '{study.name}' has no confirm phase")
    cells = [Cell(f"rank{rank}", winner) for rank, winner in enumerate(winners, start=1)]
    return _trials(study, Phase.CONFIRM, cells, study.confirm.seeds, identify)


def ablation_trials(
    study: Study, reference: Assignment, identify: Identify, modalities: Sequence[str] = ()
) -> list[PlannedTrial]:
    """Every cell around ``reference`` with the same fresh seeds, the reference first.

    :func:`study.cells.ablation_cells` says which cells there are.
    """
    if study.ablate is None:
        raise ValueError(f"study '{study.name}' has no ablate phase")
    cells = ablation_cells(study, reference, identify, modalities).cells
    return _trials(study, Phase.ABLATE, cells, study.ablate.seeds, identify)


@dataclass(frozen=True)
class Slot:
    """Room for one trial.

    Args:
        cell: name of its cell.
        key: the trial's identity, or a stand-in where that is not known yet; slots with the
            same key are trained once.
        id: the trial's id, where it is known.
    """

    cell: str
    key: str
    id: str | None = None


@dataclass(frozen=True)
class PhasePlan:
    """What one phase will need.

    Args:
        phase: which.
        cells: names in order; for search, none.
        seeds: of each cell.
        slots: one for each trial.
        provisional: whether the cells stand for ones that depend on an earlier phase.
        notes: what was left out, and why.
    """

    phase: Phase
    cells: tuple[str, ...]
    seeds: tuple[int, ...]
    slots: tuple[Slot, ...]
    provisional: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """What a study will need, phase by phase."""

    study: str
    phases: tuple[PhasePlan, ...]


@dataclass(frozen=True)
class PhaseSummary:
    """One line of a printed plan.

    Args:
        phase: which.
        cells: how many; for search, its trials.
        seeds: of each cell.
        trials: all in all.
        finished: already in the results database.
        shared: trained by an earlier phase of this plan.
        to_train: the rest.
        seconds: time that the rest takes, where a trial's time is known.
        provisional: whether the count depends on an earlier phase.
    """

    phase: Phase
    cells: int
    seeds: int
    trials: int
    finished: int
    shared: int
    to_train: int
    seconds: float | None
    provisional: bool


def plan(
    study: Study,
    identify: Identify,
    reference: Assignment | None = None,
    winners: Sequence[Assignment] = (),
    modalities: Sequence[str] = (),
) -> Plan:
    """What the study will need.

    Args:
        study: the study.
        identify: from a configuration to the content hash of its trial.
        reference: what the ablation goes around, where its winner is known; otherwise its cells
            go around the base as a stand-in, which gives the same number of cells unless
            conditional factors differ.
        winners: the assignments to confirm, best first, where they are known.
        modalities: those of the dataset, in its order; ``leave_one_out`` needs them.
    """
    phases: list[PhasePlan] = []
    if study.search:
        slots = tuple(
            Slot(f"trial{number}", f"search {number}", search_id(study, number))
            for number in range(study.search.trials)
        )
        phases.append(PhasePlan(Phase.SEARCH, (), (study.search.seed,), slots))
    if study.confirm:
        phases.append(_confirm_plan(study, identify, winners))
    if study.ablate and study.ablate.has_cells:
        phases.append(_ablation_plan(study, identify, reference, modalities))
    return Plan(study.name, tuple(phases))


def summary(
    plan: Plan, finished: Set[str], seconds_per_trial: float | None = None, workers: int = 1
) -> list[PhaseSummary]:
    """The plan in numbers.

    Args:
        plan: what the study will need.
        finished: ids and identities of finished trials.
        seconds_per_trial: how long one trial takes, if known.
        workers: trials at a time.
    """
    planned: set[str] = set()
    rows: list[PhaseSummary] = []
    for phase in plan.phases:
        left = [slot for slot in phase.slots if not {slot.key, slot.id} & finished]
        fresh = {slot.key for slot in left} - planned
        planned |= fresh
        seconds = seconds_per_trial and seconds_per_trial * math.ceil(len(fresh) / workers)
        rows.append(
            PhaseSummary(
                phase=phase.phase,
                cells=len(phase.cells) or len(phase.slots),
                seeds=len(phase.seeds),
                trials=len(phase.slots),
                finished=len(phase.slots) - len(left),
                shared=len(left) - len(fresh),
                to_train=len(fresh),
                seconds=seconds,
                provisional=phase.provisional,
            )
        )
    return rows


def detectable_difference(seeds: int, sd: float) -> float:
    """The smallest true difference that a paired t-test shows with a probability of 80 %.

    The d with P(|T| > t) = 0.8, where T is noncentral t with ``seeds`` - 1 degrees of freedom and
    noncentrality d / ``sd`` * sqrt(``seeds``), and t the two-sided critical value at 5 %, before
    any correction.

    Args:
        seeds: pairs; infinity is returned for fewer than two.
        sd: standard deviation of the paired differences, in the metric's units.
    """
    if seeds < 2:
        return math.inf
    # Takes more than a second to import, which only this needs.
    from statsmodels.stats.power import TTestPower

    effect = TTestPower().solve_power(nobs=seeds, alpha=0.05, power=0.8)
    return float(effect) * sd


def _hash(*parts: str) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _trials(
    study: Study, phase: Phase, cells: Collection[Cell], seeds: int, identify: Identify
) -> list[PlannedTrial]:
    """One trial for each cell and seed, seed by seed: an early stop leaves complete pairs."""
    trials: list[PlannedTrial] = []
    for seed in fresh_seeds(seeds):
        for cell in cells:
            config = cell.config(study, seed)
            identity = identify(config)
            trial_id = _hash(study.name, phase, cell.name, identity)
            trials.append(PlannedTrial(trial_id, phase, cell.name, identity, config))
    return trials


def _slots(trials: Sequence[PlannedTrial]) -> tuple[Slot, ...]:
    return tuple(Slot(trial.cell, trial.identity, trial.id) for trial in trials)


def _stand_in(rank: int, seed: int) -> str:
    return f"rank{rank} {seed}"


def _confirm_plan(study: Study, identify: Identify, winners: Sequence[Assignment]) -> PhasePlan:
    if study.confirm is None:
        raise ValueError(f"study '{study.name}' has no confirm phase")
    seeds = fresh_seeds(study.confirm.seeds)
    known = winners or ([] if study.search else [{}])
    if known:
        trials = confirm_trials(study, known, identify)
        cells = tuple(dict.fromkeys(trial.cell for trial in trials))
        return PhasePlan(Phase.CONFIRM, cells, seeds, _slots(trials))
    ranks = range(1, study.confirm.top + 1)
    slots = tuple(Slot(f"rank{rank}", _stand_in(rank, seed)) for seed in seeds for rank in ranks)
    cells = tuple(f"rank{rank}" for rank in ranks)
    return PhasePlan(Phase.CONFIRM, cells, seeds, slots, provisional=True)


def _ablation_plan(
    study: Study, identify: Identify, reference: Assignment | None, modalities: Sequence[str]
) -> PhasePlan:
    if study.ablate is None:
        raise ValueError(f"study '{study.name}' has no ablate phase")
    if study.ablate.reference != "winner":
        reference = study.ablate.reference
    elif reference is None and not study.search:
        reference = {}
    provisional = reference is None
    around = placeholder(study) if reference is None else reference
    found: Cells = ablation_cells(study, around, identify, modalities)
    trials = ablation_trials(study, around, identify, modalities)
    slots = _slots(trials)
    if provisional:
        # The reference will be one of the confirmed configurations, trained there already.
        slots = tuple(
            Slot(trial.cell, _stand_in(1, trial.config.seed)) if trial.cell == REFERENCE else slot
            for slot, trial in zip(slots, trials, strict=True)
        )
    cells = tuple(cell.name for cell in found.cells)
    seeds = fresh_seeds(study.ablate.seeds)
    return PhasePlan(Phase.ABLATE, cells, seeds, slots, provisional, found.notes)
