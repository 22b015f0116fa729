"""Which trials a study needs: a pure function of the study, the data's facts and the winners."""

import heapq
from collections.abc import Callable, Collection, Mapping, Sequence, Set
from dataclasses import dataclass, replace

from search_spaces.schema import (
    FIRST_ABLATION_SEED,
    Ablate,
    Assignment,
    Confirm,
    Study,
)
from sslcl.config import TrialConfig
from sslcl.fusion.compatibility import group_of
from study.design.ablation import Cell, Cells, ablation_cells, placeholder
from study.design.data_facts import DataFacts
from study.design.fresh_seeds import fresh_seeds, grouped, seed_by_seed
from study.design.looks import FIRST_LOOK, GivenLooks
from study.design.retune import searched_cells
from study.design.tuning import TunedCell, Tuning, digest_of, search_of, searches_of
from tracking.records import Phase, PlannedTrial

Seconds = Callable[[Phase, TrialConfig], float]
"""How long a trial of a phase takes, from its configuration or one like it."""


def confirm_trials(
    study: Study, confirm: Confirm, winners: Sequence[Assignment], data: DataFacts
) -> list[PlannedTrial]:
    """The best configurations of the search with fresh seeds; cells ``rank1``, ``rank2``, ..."""
    cells = [Cell(f"rank{rank}", winner) for rank, winner in enumerate(winners, start=1)]
    seeds = dict.fromkeys((cell.name for cell in cells), confirm.seeds)
    return _trials(study, Phase.CONFIRM, cells, seeds, data)


def ablation_trials(
    study: Study,
    ablate: Ablate,
    cells: Collection[Cell],
    data: DataFacts,
    looks: GivenLooks = FIRST_LOOK,
) -> list[PlannedTrial]:
    """Every cell of an ablation with fresh seeds, the same for all cells of as many looks."""
    seeds = {cell.name: looks.seeds(ablate, cell.name) for cell in cells}
    return _trials(study, Phase.ABLATE, cells, seeds, data)


@dataclass(frozen=True)
class Winners:
    """What the phases of a study have decided so far.

    Args:
        reference: what the ablation goes around; ``None`` as long as nobody knows.
        confirmed: the assignments to confirm, best first; none as long as nobody knows.
        tuned: the winners of the cells' own searches, the reference first, once all of these
            have ended.
        looks: that the cells of the ablation have been given.
        cells: of the ablation; those that its design puts around the reference when left out.
    """

    reference: Assignment | None = None
    confirmed: Sequence[Assignment] = ()
    tuned: Sequence[Cell] = ()
    looks: GivenLooks = FIRST_LOOK
    cells: Cells | None = None


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
        reserve: trials of later looks, asked for as long as rows have no verdict.
        looks: seeds of a cell at each look, one where their number is fixed.
    """

    phase: Phase
    cells: tuple[str, ...]
    seeds: tuple[int, ...]
    trials: tuple[PlannedTrial, ...]
    provisional: bool = False
    notes: tuple[str, ...] = ()
    reserve: tuple[PlannedTrial, ...] = ()
    looks: tuple[int, ...] = ()


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
        reserve: trials that later looks may ask for besides.
        reserve_seconds: time that these take, where a trial's time is known.
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
    reserve: int = 0
    reserve_seconds: float | None = None


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
    if study.ablate and study.ablate.tunes_cells:
        phases += _tuned_plans(study, study.ablate, data, winners)
    elif study.ablate and study.ablate.has_cells:
        phases.append(_ablation_plan(study, study.ablate, data, winners))
    if study.ablate and study.ablate.extension_check and study.ablate.has_cells:
        phases.append(_extension_plan(phases[-1]))
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
        later = [trial for trial in phase.reserve if not {trial.identity, trial.id} & finished]
        reserve = _times(phase.phase, later, seconds) if seconds else None
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
                reserve=len(later),
                reserve_seconds=None if reserve is None else elapsed(reserve, workers),
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
    study: Study,
    phase: Phase,
    cells: Collection[Cell],
    seeds: Mapping[str, int],
    data: DataFacts,
) -> list[PlannedTrial]:
    """One trial for each cell and seed, seed by seed: an early stop leaves complete pairs."""
    configs = {
        (cell.name, seed): cell.config(study, seed)
        for cell, seed in seed_by_seed(phase, cells, seeds)
    }
    trials: list[PlannedTrial] = []
    group_keys: dict[str, str] = {}
    for (name, _), config in grouped(study, phase, configs, data).items():
        identity = data.identify(config)
        if config.fused_seeds and identity not in group_keys:
            members = [data.identify(member) for member in group_of(config)]
            group_keys |= dict.fromkeys(members, digest_of(*members))
        trial_id = digest_of(study.name, phase, name, identity)
        group = group_keys.get(identity)
        trials.append(PlannedTrial(trial_id, phase, name, identity, config, group=group))
    return trials


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


def _confirm_plan(
    study: Study, confirm: Confirm, data: DataFacts, winners: Sequence[Assignment]
) -> PhasePlan:
    seeds = fresh_seeds(Phase.CONFIRM, confirm.seeds)
    known = winners or ([] if study.search else [{}])
    if known:
        trials = confirm_trials(study, confirm, known, data)
        cells = tuple(dict.fromkeys(trial.cell for trial in trials))
        return PhasePlan(Phase.CONFIRM, cells, seeds, tuple(trials))
    ranks = range(1, confirm.top + 1)
    like = study.config(placeholder(study), 0)
    stand_ins = tuple(
        _stand_in(Phase.CONFIRM, f"rank{rank}", f"rank{rank} {seed}", like)
        for seed in seeds
        for rank in ranks
    )
    cells = tuple(f"rank{rank}" for rank in ranks)
    return PhasePlan(Phase.CONFIRM, cells, seeds, stand_ins, provisional=True)


def _ablation_plan(study: Study, ablate: Ablate, data: DataFacts, winners: Winners) -> PhasePlan:
    around, provisional = _around(study, ablate, winners.reference)
    cells = winners.cells or ablation_cells(study, ablate, around, data)
    most = _at_most(ablate, cells.cells, winners.looks)
    trials = _trials(study, Phase.ABLATE, cells.cells, most, data)
    rows = _in_looks(ablate, trials, winners.looks)
    return replace(rows, provisional=provisional, notes=cells.notes)


def _at_most(
    ablate: Ablate, cells: Sequence[Cell] | Sequence[TunedCell], looks: GivenLooks
) -> dict[str, int]:
    return {cell.name: looks.most_seeds(ablate, cell.name) for cell in cells}


def _in_looks(ablate: Ablate, trials: Sequence[PlannedTrial], looks: GivenLooks) -> PhasePlan:
    """The ablation of all these trials, those of looks not given yet in reserve."""
    cells = tuple(dict.fromkeys(trial.cell for trial in trials))
    given = {cell: looks.seeds(ablate, cell) for cell in cells}
    now = [t for t in trials if t.config.seed - FIRST_ABLATION_SEED < given[t.cell]]
    planned = {trial.id for trial in now}
    return PhasePlan(
        Phase.ABLATE,
        cells,
        fresh_seeds(Phase.ABLATE, max(given.values(), default=0)),
        tuple(now),
        reserve=tuple(trial for trial in trials if trial.id not in planned),
        looks=ablate.seed_looks,
    )


def _tuned_plans(
    study: Study, ablate: Ablate, data: DataFacts, winners: Winners
) -> list[PhasePlan]:
    around, provisional = _around(study, ablate, winners.reference)
    cells, notes = searched_cells(study, ablate, around, data)
    searches = tuple(trial for tuning in searches_of(cells) for trial in _drawn(tuning))
    names = tuple(str(tuning.cell) for tuning in searches_of(cells))
    seed = (cells[0].tuning.settings.seed,)
    tune = PhasePlan(Phase.TUNE, names, seed, searches, provisional, notes)
    if winners.tuned:
        most = _at_most(ablate, winners.tuned, winners.looks)
        trials = _trials(study, Phase.ABLATE, winners.tuned, most, data)
        return [tune, _in_looks(ablate, trials, winners.looks)]
    stand_ins = [
        _stand_in(
            Phase.ABLATE,
            cell.name,
            f"winner of {cell.name} {seed}",
            study.config(cell.tuning.held, seed),
        )
        for cell, seed in seed_by_seed(Phase.ABLATE, cells, _at_most(ablate, cells, winners.looks))
    ]
    return [tune, replace(_in_looks(ablate, stand_ins, winners.looks), provisional=True)]


def extension_key(cell: str) -> str:
    """What stands for id and identity of a cell's extended trial, whose epochs nobody knows yet."""
    return f"{Phase.EXTEND} {cell}"


def _extension_plan(ablation: PhasePlan) -> PhasePlan:
    """One trial of each cell of an ablation, for at most twice its epochs."""
    first = {trial.cell: trial.config for trial in reversed(ablation.trials)}
    stand_ins = tuple(
        _stand_in(
            Phase.EXTEND,
            cell,
            extension_key(cell),
            first[cell].replace(epochs=2 * first[cell].epochs),
        )
        for cell in ablation.cells
    )
    seeds = ablation.seeds[:1]
    return PhasePlan(Phase.EXTEND, ablation.cells, seeds, stand_ins, ablation.provisional)


def _around(study: Study, ablate: Ablate, reference: Assignment | None) -> tuple[Assignment, bool]:
    """What the ablation goes around, and whether that only stands for a winner not yet known."""
    if ablate.reference != "winner":
        return ablate.reference, False
    if reference is None and not study.search:
        return {}, False
    return (placeholder(study), True) if reference is None else (reference, False)
