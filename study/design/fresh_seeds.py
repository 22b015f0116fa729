"""The seeds of confirmation and ablation, and which of them are trained as one program."""

from collections.abc import Mapping

from search_spaces.schema import FIRST_ABLATION_SEED, FIRST_FRESH_SEED, Study
from sslcl.config import TrialConfig
from sslcl.fusion.compatibility import fusible
from study.design.cell import Cell
from tracking.records import Phase

_FIRST_SEED = {Phase.CONFIRM: FIRST_FRESH_SEED, Phase.ABLATE: FIRST_ABLATION_SEED}


def fresh_seeds(phase: Phase, count: int) -> tuple[int, ...]:
    """The seeds of confirmation or ablation: the same for every cell, in no other phase."""
    first = _FIRST_SEED[phase]
    return tuple(range(first, first + count))


def seed_groups(
    study: Study, phase: Phase, cell: Cell, count: int
) -> Mapping[int, tuple[int, ...]]:
    """For each seed the seeds of its group, in order; none where it is trained alone.

    Decided by the study file alone, never by what happens to run, because the group is part of
    what identifies a trial. Groups are consecutive and of like sizes, and none goes across the
    end of a look.

    Args:
        study: the study file.
        phase: confirmation or ablation.
        cell: one of its cells.
        count: seeds of the cell, to the end of a look.
    """
    seeds = fresh_seeds(phase, count)
    most = _most(study, cell.config(study, seeds[0])) if seeds else 1
    ends = study.ablate.seed_looks if study.ablate and phase is Phase.ABLATE else (count,)
    groups: dict[int, tuple[int, ...]] = {}
    for start, end in zip((0, *ends), ends, strict=False):
        part = seeds[start:end]
        number_of_groups = -(-len(part) // most)
        for number in range(number_of_groups):
            first, last = (len(part) * n // number_of_groups for n in (number, number + 1))
            group = part[first:last]
            groups |= {seed: group if len(group) > 1 else () for seed in group}
    return groups


def _most(study: Study, config: TrialConfig) -> int:
    """Members of a group at most."""
    resources = study.resources
    if resources.exclusive or resources.gpus_per_trial > 0 or not fusible([config]):
        return 1
    return resources.fuse
