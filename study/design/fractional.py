"""Two-level fractional factorial: the main effects of many factors from few runs."""

from collections.abc import Iterator, Mapping, Sequence

from search_spaces.factors import level_name
from search_spaces.schema import Ablate, Assignment, Study
from sslcl.errors import listed
from sslcl.validation import Scalar
from study.design.cell import Cell, Cells, joined, unread
from study.design.two_level import SignMatrix, confounding, two_level

_MEANING = {
    3: "III: main effects are aliased with two-way interactions",
    4: "IV: main effects are clear of two-way interactions, which are aliased with one another",
    5: "V or more: main effects and two-way interactions are clear of one another",
}
_SHOWN = 15
"""Most chains of aliases that a note lists."""


def fractional(study: Study, ablate: Ablate, reference: Assignment) -> Cells:
    """The rows of a two-level design over the factors, the other factors as in the reference.

    A factor's low level is the reference's, its high one the first other that it has. Where
    ``ablate.levels`` lists two levels of a factor or more, and not the reference's, the first two
    are low and high. The row in which all levels are low is always there; with the reference's
    own levels it is the reference.

    Every factor has to be active in every row. One that the reference does not read is skipped;
    one on whose level another depends is held as it is in the reference, and the notes say so.
    """
    levels, notes = _levels(study, ablate, reference)
    levels, held = _without_parents(study, levels, reference)
    notes += held
    if not levels:
        return Cells((), (*notes, "fractional: no factor is left to vary"))
    design = two_level(len(levels), ablate.resolution)
    cells: list[Cell] = []
    for signs in design:
        row = zip(levels.items(), signs, strict=True)
        changed = {name: pair[int(sign > 0)] for (name, pair), sign in row}
        cells.append(Cell(joined(changed), {**reference, **changed}, changed))
    return Cells(tuple(cells), (*notes, *_described(tuple(levels), design)))


def _levels(
    study: Study, ablate: Ablate, reference: Assignment
) -> tuple[dict[str, tuple[Scalar, Scalar]], list[str]]:
    """Low and high level by factor, and notes on those left out."""
    present = study.assignment(study.config(reference, 0))
    pairs: dict[str, tuple[Scalar, Scalar]] = {}
    notes: list[str] = []
    for name in ablate.factors:
        pair = _pair(study.ablation_levels(name), present.get(name), name in ablate.levels)
        if not study.active(name, reference):
            notes.append(unread(study, name))
        elif pair is None:
            notes.append(f"{name}: skipped, it has no level other than the reference's")
        else:
            pairs[name] = pair
    return pairs, notes


def _pair(
    levels: Sequence[Scalar], present: Scalar | None, chosen: bool
) -> tuple[Scalar, Scalar] | None:
    apart = present is None or (chosen and present not in levels)
    if apart and len(levels) > 1:
        return levels[0], levels[1]
    others = [level for level in levels if level != present]
    return (present, others[0]) if present is not None and others else None


def _without_parents(
    study: Study, levels: Mapping[str, tuple[Scalar, Scalar]], reference: Assignment
) -> tuple[dict[str, tuple[Scalar, Scalar]], list[str]]:
    """The factors on whose levels no other depends, and notes on those held."""
    dependants: dict[str, list[str]] = {}
    for name in levels:
        for parent, active in _conditions(study, name):
            if not set(levels.get(parent, ())) <= set(active):
                dependants.setdefault(parent, []).append(name)
    present = study.assignment(study.config(reference, 0))
    notes = [
        f"{parent}: held at {level_name(present[parent])}, on which {', '.join(names)} depend"
        + "s" * (len(names) == 1)
        for parent, names in dependants.items()
    ]
    return {name: pair for name, pair in levels.items() if name not in dependants}, notes


def _conditions(study: Study, factor: str) -> Iterator[tuple[str, tuple[Scalar, ...]]]:
    """The conditions of a factor, and those of the factors that they name."""
    for parent, levels in study.factors[factor].when.items():
        yield parent, levels
        yield from _conditions(study, parent)


def _described(names: Sequence[str], design: SignMatrix) -> Iterator[str]:
    runs = f"fractional: {len(design)} runs of {len(names)} factors at two levels"
    if len(design) == 2 ** len(names):
        yield f"{runs}: all combinations, nothing is aliased"
        return
    confounded = confounding(design, names)
    yield f"{runs}, resolution {_MEANING[confounded.resolution]}"
    if confounded.aliases:
        yield f"fractional: aliased are {listed(confounded.aliases, _SHOWN)}"
    if confounded.partial:
        yield (
            "fractional: effects overlap in part, with correlations of up to "
            f"{confounded.partial:.2g} between contrasts"
        )
