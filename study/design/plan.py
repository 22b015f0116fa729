"""Which trials a study needs: a pure function of the study, the winner and nothing else."""

import heapq
from collections.abc import Callable, Collection, Sequence, Set
from dataclasses import dataclass, replace

from search_spaces.schema import FIRST_FRESH_SEED, Ablate, Assignment, Study
from sslcl.config import TrialConfig
from study.design.ablation import REFERENCE, Cell, Cells, ablation_cells, placeholder
from study.design.tuning import Identify, Tuning, digest_of, search_of, tuned_cells
from tracking.records import Phase, PlannedTrial

Seconds = Callable[[Phase, TrialConfig], float]
"""How long a trial of a phase takes, from its configuration or one like it."""


def fresh_seeds(count: int) -> tuple[int, ...]:
    """The seeds of confirmation and ablation: the same for every cell, none of them searched."""
    return tuple(range(FIRST_FRESH_SEED, FIRST_FRESH_SEED + count))


def confirm_trials(
    study: Study, winners: Sequence[Assignment], identify: Identify
) -> list[PlannedTrial]:
    """The best configurations of the search with fresh seeds; cells ``rank1``, ``rank2``, ..."""
    if study.confirm is None:
        raise ValueError(f"study '{study.name}' has no confirm phase")
    cells = [Cell(f"rank{rank}", winner) for rank, winner in enumerate(winners, start=1)]
    return _trials(study, Phase.CONFIRM, cells, study.confirm.seeds, identify)


def tuned_trials(study: Study, winners: Sequence[Cell], identify: Identify) -> list[PlannedTrial]:
    """The winner of every cell's own search with the same fresh seeds, the reference first."""
    if study.ablate is None:
        raise ValueError(f"study '{study.name}' has no ablate phase")
    return _trials(study, Phase.ABLATE, winners, study.ablate.seeds, identify)


def ablation_trials(
    study: Study, reference: Assignment, identify: Identify, modalities: Sequence[str] = ()
) -> list[PlannedTrial]:
    """Every cell around ``reference`` with the same fresh seeds, the reference first.

    :func:`study.design.ablation.ablation_cells` says which cells there are.
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
        config: the trial's configuration, or one like it where that is not known yet.
        id: the trial's id, where it is known.
    """

    cell: str
    key: str
    config: TrialConfig
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
        work: seconds of training in that time, over all workers.
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
    work: float | None
    provisional: bool


def plan(
    study: Study,
    identify: Identify,
    reference: Assignment | None = None,
    winners: Sequence[Assignment] = (),
    modalities: Sequence[str] = (),
    tuned: Sequence[Cell] = (),
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
        tuned: the winners of the cells' own searches in the design ``tuned``, once known.
    """
    phases: list[PhasePlan] = []
    if study.search:
        search = search_of(study)
        phases.append(PhasePlan(Phase.SEARCH, (), (study.search.seed,), _drawn(search)))
    if study.confirm:
        phases.append(_confirm_plan(study, identify, winners))
    if study.ablate and study.ablate.design == "tuned":
        phases += _tuned_plans(study, identify, reference, tuned)
    elif study.ablate and study.ablate.has_cells:
        phases.append(_ablation_plan(study, identify, reference, modalities))
    return Plan(study.name, tuple(phases))


def summary(
    plan: Plan, finished: Set[str], seconds: Seconds | None = None, workers: int = 1
) -> list[PhaseSummary]:
    """The plan in numbers.

    Args:
        plan: what the study will need.
        finished: ids and identities of finished trials.
        seconds: how long the trial of a slot takes, where that is known.
        workers: trials at a time.
    """
    planned: set[str] = set()
    rows: list[PhaseSummary] = []
    for phase in plan.phases:
        left = [slot for slot in phase.slots if not {slot.key, slot.id} & finished]
        fresh = list({slot.key: slot for slot in left if slot.key not in planned}.values())
        planned |= {slot.key for slot in fresh}
        times = [seconds(phase.phase, slot.config) for slot in fresh] if seconds else None
        rows.append(
            PhaseSummary(
                phase=phase.phase,
                cells=len(phase.cells) or len(phase.slots),
                seeds=len(phase.seeds),
                trials=len(phase.slots),
                finished=len(phase.slots) - len(left),
                shared=len(left) - len(fresh),
                to_train=len(fresh),
                seconds=None if times is None else elapsed(times, workers),
                work=None if times is None else sum(times),
                provisional=phase.provisional,
            )
        )
    return rows


def elapsed(seconds: Sequence[float], workers: int) -> float:
    """Time that trials of these lengths take, each given to the worker that is free first."""
    free = [0.0] * workers
    for length in seconds:
        heapq.heapreplace(free, free[0] + length)
    return max(free)


def _trials(
    study: Study, phase: Phase, cells: Collection[Cell], seeds: int, identify: Identify
) -> list[PlannedTrial]:
    """One trial for each cell and seed, seed by seed: an early stop leaves complete pairs."""
    trials: list[PlannedTrial] = []
    for seed in fresh_seeds(seeds):
        for cell in cells:
            config = cell.config(study, seed)
            identity = identify(config)
            trial_id = digest_of(study.name, phase, cell.name, identity)
            trials.append(PlannedTrial(trial_id, phase, cell.name, identity, config))
    return trials


def _slots(trials: Sequence[PlannedTrial]) -> tuple[Slot, ...]:
    return tuple(Slot(trial.cell, trial.identity, trial.config, trial.id) for trial in trials)


def _drawn(tuning: Tuning) -> tuple[Slot, ...]:
    """Room for the trials of a search."""
    like = tuning.study.config(tuning.held, tuning.settings.seed)
    cell = tuning.cell or "trial"
    return tuple(
        Slot(cell, f"{tuning.phase} {cell} {number}", like, tuning.id(number))
        for number in range(tuning.settings.trials)
    )


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
    like = study.config(placeholder(study), 0)
    slots = tuple(
        Slot(f"rank{rank}", _stand_in(rank, seed), like) for seed in seeds for rank in ranks
    )
    cells = tuple(f"rank{rank}" for rank in ranks)
    return PhasePlan(Phase.CONFIRM, cells, seeds, slots, provisional=True)


def _ablation_plan(
    study: Study, identify: Identify, reference: Assignment | None, modalities: Sequence[str]
) -> PhasePlan:
    if study.ablate is None:
        raise ValueError(f"study '{study.name}' has no ablate phase")
    around, provisional = _around(study, study.ablate, reference)
    found: Cells = ablation_cells(study, around, identify, modalities)
    trials = ablation_trials(study, around, identify, modalities)
    slots = _slots(trials)
    if provisional:
        # The reference will be one of the confirmed configurations, trained there already.
        slots = tuple(
            replace(slot, key=_stand_in(1, trial.config.seed), id=None)
            if trial.cell == REFERENCE
            else slot
            for slot, trial in zip(slots, trials, strict=True)
        )
    cells = tuple(cell.name for cell in found.cells)
    seeds = fresh_seeds(study.ablate.seeds)
    return PhasePlan(Phase.ABLATE, cells, seeds, slots, provisional, found.notes)


def _tuned_plans(
    study: Study, identify: Identify, reference: Assignment | None, tuned: Sequence[Cell]
) -> list[PhasePlan]:
    if study.ablate is None:
        raise ValueError(f"study '{study.name}' has no ablate phase")
    around, provisional = _around(study, study.ablate, reference)
    cells, notes = tuned_cells(study, around, identify)
    budgets = tuple(slot for cell in cells for slot in _drawn(cell.tuning))
    names = tuple(str(cell.tuning.cell) for cell in cells)
    seed = (cells[0].tuning.settings.seed,)
    tune = PhasePlan(Phase.TUNE, names, seed, budgets, provisional, notes)
    seeds = fresh_seeds(study.ablate.seeds)
    if tuned:
        slots = _slots(tuned_trials(study, tuned, identify))
        return [tune, PhasePlan(Phase.ABLATE, tuple(c.name for c in tuned), seeds, slots)]
    slots = tuple(
        Slot(cell.name, f"winner of {cell.name} {seed}", study.config(cell.tuning.held, seed))
        for seed in seeds
        for cell in cells
    )
    rows = tuple(cell.name for cell in cells)
    return [tune, PhasePlan(Phase.ABLATE, rows, seeds, slots, provisional=True)]


def _around(study: Study, ablate: Ablate, reference: Assignment | None) -> tuple[Assignment, bool]:
    """What the ablation goes around, and whether that only stands for a winner not yet known."""
    if ablate.reference != "winner":
        return ablate.reference, False
    if reference is None and not study.search:
        return {}, False
    return (placeholder(study), True) if reference is None else (reference, False)
