"""Which trials a study needs: a pure function of the study, the data's facts and the winners."""

import heapq
from collections.abc import Callable, Collection, Sequence, Set
from dataclasses import dataclass, replace

from search_spaces.schema import FIRST_FRESH_SEED, Ablate, Assignment, Confirm, Study
from sslcl.config import TrialConfig
from study.design.ablation import REFERENCE, Cell, Cells, ablation_cells, placeholder
from study.design.data_facts import DataFacts
from study.design.fusing import seed_groups
from study.design.tuning import Tuning, digest_of, search_of, tuned_cells
from tracking.records import Phase, PlannedTrial

Seconds = Callable[[Phase, TrialConfig], float]
"""How long a trial of a phase takes, from its configuration or one like it."""


def fresh_seeds(count: int) -> tuple[int, ...]:
    """The seeds of confirmation and ablation: the same for every cell, none of them searched."""
    return tuple(range(FIRST_FRESH_SEED, FIRST_FRESH_SEED + count))


def confirm_trials(
    study: Study, confirm: Confirm, winners: Sequence[Assignment], data: DataFacts
) -> list[PlannedTrial]:
    """The best configurations of the search with fresh seeds; cells ``rank1``, ``rank2``, ..."""
    cells = [Cell(f"rank{rank}", winner) for rank, winner in enumerate(winners, start=1)]
    return _trials(study, Phase.CONFIRM, cells, confirm.seeds, data)


def ablation_trials(
    study: Study, ablate: Ablate, cells: Collection[Cell], data: DataFacts
) -> list[PlannedTrial]:
    """Every cell of an ablation with the same fresh seeds, in the order of the cells."""
    return _trials(study, Phase.ABLATE, cells, ablate.seeds, data)


@dataclass(frozen=True)
class Winners:
    """What the phases of a study have decided so far.

    Args:
        reference: what the ablation goes around; ``None`` as long as nobody knows.
        confirmed: the assignments to confirm, best first; none as long as nobody knows.
        tuned: the winners of the cells' own searches in the design ``tuned``, the reference
            first, once all of these have ended.
    """

    reference: Assignment | None = None
    confirmed: Sequence[Assignment] = ()
    tuned: Sequence[Cell] = ()


@dataclass(frozen=True)
class PhasePlan:
    """What one phase will need.

    Args:
        phase: which.
        cells: names in order; for search, none.
        seeds: of each cell.
        trials: all of them. Where a trial depends on an earlier phase its configuration is one
            like it, and its id and identity are stand-ins; equal ones are trained once.
        provisional: whether the cells stand for ones that depend on an earlier phase.
        notes: what was left out, and why.
    """

    phase: Phase
    cells: tuple[str, ...]
    seeds: tuple[int, ...]
    trials: tuple[PlannedTrial, ...]
    provisional: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """What a study will need, phase by phase."""

    study_name: str
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


def plan(study: Study, data: DataFacts, winners: Winners = Winners()) -> Plan:
    """What the study will need.

    Args:
        study: the study file.
        data: the data that it runs on.
        winners: what is known of earlier phases. Without a reference the ablation's cells go
            around the base as a stand-in, which gives the same number of cells unless
            conditional factors differ.
    """
    phases: list[PhasePlan] = []
    if study.search:
        drawn = _drawn(search_of(study))
        phases.append(PhasePlan(Phase.SEARCH, (), (study.search.seed,), drawn))
    if study.confirm:
        phases.append(_confirm_plan(study, study.confirm, data, winners.confirmed))
    if study.ablate and study.ablate.design == "tuned":
        phases += _tuned_plans(study, study.ablate, data, winners)
    elif study.ablate and study.ablate.has_cells:
        phases.append(_ablation_plan(study, study.ablate, data, winners.reference))
    return Plan(study.name, tuple(phases))


def summarize(
    plan: Plan, finished: Set[str], seconds: Seconds | None = None, workers: int = 1
) -> list[PhaseSummary]:
    """The plan in numbers.

    Args:
        plan: what the study will need.
        finished: ids and identities of finished trials.
        seconds: how long a trial takes, where that is known.
        workers: trials at a time.
    """
    planned: set[str] = set()
    rows: list[PhaseSummary] = []
    for phase in plan.phases:
        left = [trial for trial in phase.trials if not {trial.identity, trial.id} & finished]
        fresh = list({t.identity: t for t in left if t.identity not in planned}.values())
        planned |= {trial.identity for trial in fresh}
        times = _times(phase.phase, fresh, seconds) if seconds else None
        rows.append(
            PhaseSummary(
                phase=phase.phase,
                cells=len(phase.cells) or len(phase.trials),
                seeds=len(phase.seeds),
                trials=len(phase.trials),
                finished=len(phase.trials) - len(left),
                shared=len(left) - len(fresh),
                to_train=len(fresh),
                seconds=None if times is None else elapsed(times, workers),
                work=None if times is None else sum(times),
                provisional=phase.provisional,
            )
        )
    return rows


def _times(phase: Phase, trials: Sequence[PlannedTrial], seconds: Seconds) -> list[float]:
    """Seconds of what a worker is given at a time: a trial, or a group trained as one."""
    times: dict[str, float] = {}
    for trial in trials:
        key = trial.group or trial.identity
        times[key] = times.get(key, 0.0) + seconds(phase, trial.config)
    return list(times.values())


def elapsed(seconds: Sequence[float], workers: int) -> float:
    """Time that trials of these lengths take, each given to the worker that is free first."""
    free = [0.0] * workers
    for length in seconds:
        heapq.heapreplace(free, free[0] + length)
    return max(free)


def _trials(
    study: Study, phase: Phase, cells: Collection[Cell], seeds: int, data: DataFacts
) -> list[PlannedTrial]:
    """One trial for each cell and seed, seed by seed: an early stop leaves complete pairs."""
    order = fresh_seeds(seeds)
    by_cell = [_cell_trials(study, phase, cell, order, data) for cell in cells]
    return [trial for same_seed in zip(*by_cell, strict=True) for trial in same_seed]


def _cell_trials(
    study: Study, phase: Phase, cell: Cell, seeds: Sequence[int], data: DataFacts
) -> list[PlannedTrial]:
    """The trials of a cell, seed by seed."""
    groups = seed_groups(study, cell.config(study, seeds[0]), seeds)
    configs = {seed: cell.config(study, seed) for seed in seeds}
    for seed, group in groups.items():
        if group:
            configs[seed] = configs[seed].replace(fused_seeds=group)
    identities = {seed: data.identify(config) for seed, config in configs.items()}
    return [
        PlannedTrial(
            id=digest_of(study.name, phase, cell.name, identities[seed]),
            phase=phase,
            cell=cell.name,
            identity=identities[seed],
            config=config,
            group=digest_of(*(identities[s] for s in groups[seed])) if groups[seed] else None,
        )
        for seed, config in configs.items()
    ]


def _stand_in(phase: Phase, cell: str, key: str, like: TrialConfig) -> PlannedTrial:
    """A trial of which only the number is known; ``key`` stands for its id and identity."""
    return PlannedTrial(key, phase, cell, key, like)


def _drawn(tuning: Tuning) -> tuple[PlannedTrial, ...]:
    """The trials of a search, whose configurations the sampler has yet to choose."""
    like = tuning.study.config(tuning.held, tuning.settings.seed)
    cell = tuning.cell or "trial"
    return tuple(
        PlannedTrial(
            id=tuning.id(number),
            phase=tuning.phase,
            cell=cell,
            identity=f"{tuning.phase} {cell} {number}",
            config=like,
            number=number,
        )
        for number in range(tuning.settings.trials)
    )


def _rank_key(rank: int, seed: int) -> str:
    return f"rank{rank} {seed}"


def _confirm_plan(
    study: Study, confirm: Confirm, data: DataFacts, winners: Sequence[Assignment]
) -> PhasePlan:
    seeds = fresh_seeds(confirm.seeds)
    known = winners or ([] if study.search else [{}])
    if known:
        trials = confirm_trials(study, confirm, known, data)
        cells = tuple(dict.fromkeys(trial.cell for trial in trials))
        return PhasePlan(Phase.CONFIRM, cells, seeds, tuple(trials))
    ranks = range(1, confirm.top + 1)
    like = study.config(placeholder(study), 0)
    stand_ins = tuple(
        _stand_in(Phase.CONFIRM, f"rank{rank}", _rank_key(rank, seed), like)
        for seed in seeds
        for rank in ranks
    )
    cells = tuple(f"rank{rank}" for rank in ranks)
    return PhasePlan(Phase.CONFIRM, cells, seeds, stand_ins, provisional=True)


def _ablation_plan(
    study: Study, ablate: Ablate, data: DataFacts, reference: Assignment | None
) -> PhasePlan:
    around, provisional = _around(study, ablate, reference)
    cells: Cells = ablation_cells(study, ablate, around, data)
    trials = ablation_trials(study, ablate, cells.cells, data)
    if provisional:
        # The reference will be one of the confirmed configurations, trained there already.
        trials = [
            replace(trial, id=key, identity=key) if trial.cell == REFERENCE else trial
            for trial, key in ((t, _rank_key(1, t.config.seed)) for t in trials)
        ]
    names = tuple(cell.name for cell in cells.cells)
    seeds = fresh_seeds(ablate.seeds)
    return PhasePlan(Phase.ABLATE, names, seeds, tuple(trials), provisional, cells.notes)


def _tuned_plans(
    study: Study, ablate: Ablate, data: DataFacts, winners: Winners
) -> list[PhasePlan]:
    around, provisional = _around(study, ablate, winners.reference)
    cells, notes = tuned_cells(study, ablate, around, data)
    searches = tuple(trial for cell in cells for trial in _drawn(cell.tuning))
    names = tuple(str(cell.tuning.cell) for cell in cells)
    seed = (cells[0].tuning.settings.seed,)
    tune = PhasePlan(Phase.TUNE, names, seed, searches, provisional, notes)
    seeds = fresh_seeds(ablate.seeds)
    if winners.tuned:
        trials = tuple(ablation_trials(study, ablate, winners.tuned, data))
        rows = tuple(cell.name for cell in winners.tuned)
        return [tune, PhasePlan(Phase.ABLATE, rows, seeds, trials)]
    stand_ins = tuple(
        _stand_in(
            Phase.ABLATE,
            cell.name,
            f"winner of {cell.name} {seed}",
            study.config(cell.tuning.held, seed),
        )
        for seed in seeds
        for cell in cells
    )
    rows = tuple(cell.name for cell in cells)
    return [tune, PhasePlan(Phase.ABLATE, rows, seeds, stand_ins, provisional=True)]


def _around(study: Study, ablate: Ablate, reference: Assignment | None) -> tuple[Assignment, bool]:
    """What the ablation goes around, and whether that only stands for a winner not yet known."""
    if ablate.reference != "winner":
        return ablate.reference, False
    if reference is None and not study.search:
        return {}, False
    return (placeholder(study), True) if reference is None else (reference, False)
