"""The seeds of confirmation and ablation, and which trials are trained as one program."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Protocol, TypeVar

from search_spaces.schema import FIRST_ABLATION_SEED, FIRST_FRESH_SEED, Study
from sslcl.config import TrialConfig
from sslcl.fusion.compatibility import as_group, common_part, fusible
from study.design.cell import Cell
from tracking.records import Phase

_FIRST_SEED = {Phase.CONFIRM: FIRST_FRESH_SEED, Phase.ABLATE: FIRST_ABLATION_SEED}
Key = tuple[str, int]
"""Name of a cell, and seed."""


class Named(Protocol):
    """What has a name, such as a cell."""

    @property
    def name(self) -> str:
        """Unique within its phase."""


NamedT = TypeVar("NamedT", bound=Named)


def fresh_seeds(phase: Phase, count: int) -> tuple[int, ...]:
    """The seeds of confirmation or ablation: the same for every cell, in no other phase."""
    first = _FIRST_SEED[phase]
    return tuple(range(first, first + count))


def seed_by_seed(
    phase: Phase, cells: Collection[NamedT], seeds: Mapping[str, int]
) -> Iterator[tuple[NamedT, int]]:
    """Cells and their seeds, given how many each has."""
    for index, seed in enumerate(fresh_seeds(phase, max(seeds.values(), default=0))):
        for cell in cells:
            if index < seeds[cell.name]:
                yield cell, seed


def grouped(
    study: Study, phase: Phase, cells: Collection[Cell], seeds: Mapping[str, int]
) -> dict[Key, TrialConfig]:
    """The configuration of every cell and seed, seed by seed, each with its group if it has one.

    Decided by the study file and the cells alone, never by what happens to run, because the group
    is part of what identifies a trial. A group has the seeds of a cell up to the end of a look,
    and at the first look, which all cells are given, those of further cells that differ from it in
    numbers only, as many whole cells as ``resources.fuse`` has room for.

    Args:
        study: the study file.
        phase: confirmation or ablation.
        cells: all of the phase, in order.
        seeds: of each cell, to the end of a look.
    """
    configs = {
        (cell.name, seed): cell.config(study, seed)
        for cell, seed in seed_by_seed(phase, cells, seeds)
    }
    most = _most(study)
    if most > 1:
        for keys in _programs(study, phase, configs, most):
            # Cells may differ in name only: such trials are one member.
            distinct = list({configs[key].digest(): configs[key] for key in keys}.values())
            if len(distinct) > 1:
                members = as_group(distinct)
                own = {one.digest(): m for one, m in zip(distinct, members, strict=True)}
                configs |= {key: own[configs[key].digest()] for key in keys}
    return configs


def _most(study: Study) -> int:
    """Members of a group at most."""
    resources = study.resources
    return 1 if resources.exclusive or resources.gpus_per_trial > 0 else resources.fuse


def _programs(
    study: Study, phase: Phase, configs: Mapping[Key, TrialConfig], most: int
) -> Iterator[Sequence[Key]]:
    """The trials of each program, but for some that are trained alone."""
    seeds = sorted({seed for _, seed in configs})
    by_look = study.ablate is not None and phase is Phase.ABLATE
    ends = study.ablate.seed_looks if study.ablate and by_look else (len(seeds),)
    for start, end in zip((0, *ends), ends, strict=False):
        part = seeds[start:end]
        alike: dict[str, list[str]] = {}
        for name, seed in configs:
            if part and seed == part[0] and fusible([configs[name, seed]]):
                # Later looks are not given to all cells.
                kind = name if start else common_part(configs[name, seed])
                alike.setdefault(kind, []).append(name)
        for names in alike.values():
            yield from _packed(names, part, most)


def _packed(names: Sequence[str], seeds: Sequence[int], most: int) -> Iterator[Sequence[Key]]:
    """Cells with all of these seeds: several to a group, or several groups of like sizes each."""
    at_a_time = max(most // len(seeds), 1)
    parts = -(-len(seeds) // most)
    for first in range(0, len(names), at_a_time):
        for number in range(parts):
            start, end = (len(seeds) * n // parts for n in (number, number + 1))
            here = names[first : first + at_a_time]
            yield [(name, seed) for seed in seeds[start:end] for name in here]
