"""Which seeds of a cell are trained as one program."""

from collections.abc import Mapping, Sequence

from search_spaces.schema import Study
from sslcl.config import TrialConfig
from sslcl.fusion.compatibility import fusible


def seed_groups(
    study: Study, config: TrialConfig, seeds: Sequence[int]
) -> Mapping[int, tuple[int, ...]]:
    """For each seed the seeds of its group, in order; none where it is trained alone.

    Decided by the study file alone, never by what happens to run, because the group is part of
    what identifies a trial. Groups are consecutive and of like sizes, and none goes across the
    number of seeds of the confirmation, whose trials an ablation takes over.

    Args:
        study: the study file.
        config: of the cell, with any seed.
        seeds: of the cell, in the order of the plan.
    """
    most = _most(study, config)
    cut = study.confirm.seeds if study.confirm else len(seeds)
    groups: dict[int, tuple[int, ...]] = {}
    for part in (seeds[:cut], seeds[cut:]):
        count = -(-len(part) // most)
        for number in range(count):
            first, end = (len(part) * n // count for n in (number, number + 1))
            group = tuple(part[first:end])
            groups |= {seed: group if len(group) > 1 else () for seed in group}
    return groups


def _most(study: Study, config: TrialConfig) -> int:
    """Members of a group at most."""
    resources = study.resources
    if resources.exclusive or resources.gpus_per_trial > 0 or not fusible([config]):
        return 1
    return resources.fuse
