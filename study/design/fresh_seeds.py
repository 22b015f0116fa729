"""The seeds of confirmation and ablation, and which trials are trained as one program."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Protocol, TypeVar

from search_spaces.schema import FIRST_ABLATION_SEED, FIRST_FRESH_SEED, Study
from sslcl.augmentation import views_of
from sslcl.config import TrialConfig
from sslcl.fusion.compatibility import as_group, common_part, fusible
from study.design.data_facts import DataFacts
from tracking.records import Phase

_FIRST_SEED = {Phase.CONFIRM: FIRST_FRESH_SEED, Phase.ABLATE: FIRST_ABLATION_SEED}
Key = tuple[str, int]
"""Name of a cell, and seed."""
AUTO_MEMBERS = range(5, 9)
"""Sizes of a group at most where ``resources.fuse`` is ``auto``: room for the usual five seeds of
one cell, so that there are groups for several workers."""
AUTO_PRODUCTS = 17.5e6
"""The most :func:`step_products` of a group's members together; see docs/performance.md."""


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
    study: Study, phase: Phase, configs: Mapping[Key, TrialConfig], data: DataFacts
) -> dict[Key, TrialConfig]:
    """The configurations of a phase, each with its group if it has one.

    Decided by the study file, cells and data alone, never by what happens to run, because the group
    is part of what identifies a trial. A group has the seeds of a cell up to the end of a look,
    and at the first look, which all cells are given, those of further cells that differ from it in
    numbers only, as many whole cells as ``resources.fuse`` has room for.

    Args:
        study: the study file.
        phase: confirmation or ablation.
        configs: of every cell and its seeds to the end of a look, seed by seed.
        data: the data that it runs on.
    """
    together = dict(configs)
    for keys in _programs(study, phase, configs, data):
        # Cells may differ in name only: such trials are one member.
        distinct = list({configs[key].digest(): configs[key] for key in keys}.values())
        if len(distinct) > 1:
            members = as_group(distinct)
            own = {one.digest(): m for one, m in zip(distinct, members, strict=True)}
            together |= {key: own[configs[key].digest()] for key in keys}
    return together


def step_products(config: TrialConfig, data: DataFacts) -> float:
    """How much a step computes: the products of its utterances with one layer of all views.

    ::

        utterances hidden_size (views hidden_size + widths of the modalities' features)

    Args:
        config: of the trial.
        data: that it is trained on.
    """
    modalities = config.modalities or data.modalities
    widths = [w for m, w in zip(data.modalities, data.widths, strict=True) if m in modalities]
    reads_views = "augmentation" in config.canonical()
    views = len(views_of(config.augmentation, modalities)) if reads_views else 1
    utterances = config.batch_size * data.utterances
    return utterances * config.hidden_size * (views * config.hidden_size + sum(widths))


def _most(study: Study, config: TrialConfig, data: DataFacts) -> int:
    """Members of a group of this configuration at most."""
    resources = study.resources
    if resources.exclusive or resources.gpus_per_trial != 0 or not fusible([config]):
        return 1
    if resources.fuse != "auto":
        return resources.fuse
    return auto_members(config, data)


def auto_members(config: TrialConfig, data: DataFacts) -> int:
    """How many trials like this one ``auto`` trains as one program; 1 where that gains nothing."""
    members = min(int(AUTO_PRODUCTS / step_products(config, data)), max(AUTO_MEMBERS))
    return members if members in AUTO_MEMBERS else 1


def _programs(
    study: Study, phase: Phase, configs: Mapping[Key, TrialConfig], data: DataFacts
) -> Iterator[Sequence[Key]]:
    """The trials of each program, but for some that are trained alone."""
    if study.resources.fuse == 1:
        return
    seeds = sorted({seed for _, seed in configs})
    by_look = study.ablate is not None and phase is Phase.ABLATE
    ends = study.ablate.seed_looks if study.ablate and by_look else (len(seeds),)
    for start, end in zip((0, *ends), ends, strict=False):
        part = seeds[start:end]
        alike: dict[str, list[str]] = {}
        for name, seed in configs:
            if part and seed == part[0]:
                # Later looks are not given to all cells.
                kind = name if start else common_part(configs[name, seed])
                alike.setdefault(kind, []).append(name)
        for names in alike.values():
            most = _most(study, configs[names[0], part[0]], data)
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
