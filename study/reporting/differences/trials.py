"""Two trials or two cells side by side: configuration, scores, classes, and what flips."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from search_spaces.changes import changes
from search_spaces.factors import level_name
from sslcl.errors import InputError
from study.analysis.flips import Pairing
from study.analysis.levels import flat
from study.analysis.operands import Side
from study.reporting.differences.tables import (
    apart_table,
    flips_table,
    right_and_wrong_table,
    scores_table,
)
from study.reporting.phrases import plural
from study.reporting.table import Table
from tracking.ledger import Ledger
from tracking.records import Evaluation

_SPLITS = ("test", "validation")


@dataclass(frozen=True)
class SideBySide:
    """What two things differ in.

    Args:
        lines: in words.
        tables: in numbers; the first is what CSV shows.
    """

    lines: tuple[str, ...]
    tables: tuple[Table, ...]


def compare_sides(ledger: Ledger, first: Side, second: Side, flips: int = 0) -> SideBySide:
    """Compare two trials or cells, ``B - A``, paired by seed and conversation where that is true.

    Two single trials are paired whatever their seeds, and the difference then includes the luck
    of both.

    Args:
        flips: how many of the flipped utterances to list.

    Raises:
        InputError: when the two were not evaluated on the same split.
    """
    lines = [
        f"A = {_described(first)}",
        f"B = {_described(second)}",
        *_configuration(first, second),
    ]
    split, ours, theirs = _evaluated(ledger, first, second)
    if first.study_row.label_names != second.study_row.label_names or _data(first) != _data(second):
        lines.append(
            "The two were trained and tested on different data (fingerprints "
            f"{_data(first)[:12]} and {_data(second)[:12]}): their scores stand side by side, and "
            "nothing can be paired."
        )
        return SideBySide(tuple(lines), (apart_table(first, second, ours, theirs, split),))
    pairing = _paired(first, second, ours, theirs)
    if pairing is None:
        lines.append("No seed in common: their scores stand side by side, and nothing is paired.")
        return SideBySide(tuple(lines), (apart_table(first, second, ours, theirs, split),))
    lines += _pairing_words(first, second, pairing)
    labels = first.study_row.label_names
    tables = [
        scores_table(first, second, pairing, split),
        right_and_wrong_table(pairing, len(labels)),
    ]
    if flips:
        tables.insert(0, flips_table(pairing, labels, flips))
    return SideBySide(tuple(lines), tuple(tables))


def _described(side: Side) -> str:
    trial = side.trials[0]
    seeds = ", ".join(map(str, side.seeds))
    label = "seed" if len(side.seeds) == 1 else "seeds"
    what = f"{trial.study}, {trial.phase.value}, {trial.cell}, {label} {seeds}"
    return f"{side.name} ({what})"


def _configuration(first: Side, second: Side) -> Iterator[str]:
    """One line for each key that differs, but for the seed, and for the fold of several."""
    blocks = {"seed"} | ({"fold"} if max(map(_folds, (first, second))) > 1 else set())
    before, after = (
        {k: level_name(v) for k, v in flat(side.trials[0].config).items() if k not in blocks}
        for side in (first, second)
    )
    differing = changes(before, after)
    verb = "differs" if len(differing) == 1 else "differ"
    yield f"Configuration: {plural(len(differing), 'key')} {verb}."
    yield from (f"  {line}" for line in differing)
    codes = {first.study_row.code_fingerprint, second.study_row.code_fingerprint}
    if len(codes) > 1:
        yield "The training code of the two studies differs."


def _folds(side: Side) -> int:
    return len({trial.config.fold for trial in side.trials})


def _data(side: Side) -> str:
    return side.trials[0].data_fingerprint or side.study_row.data_fingerprint


def _evaluated(
    ledger: Ledger, first: Side, second: Side
) -> tuple[str, list[Evaluation], list[Evaluation]]:
    for split in _SPLITS:
        ours, theirs = (side.evaluations(ledger, split) for side in (first, second))
        if ours and theirs:
            return split, ours, theirs
    raise InputError(
        f"{first.name} and {second.name} have no split on which both were evaluated: expected "
        "two finished trials"
    )


def _paired(
    first: Side, second: Side, ours: Sequence[Evaluation], theirs: Sequence[Evaluation]
) -> Pairing | None:
    if len(ours) == len(theirs) == 1:
        seeds = ((first.seeds[0], second.seeds[0]),)
        return Pairing((ours[0],), (theirs[0],), seeds)
    common = [seed for seed in first.seeds if seed in second.seeds]
    if not common:
        return None
    return Pairing(
        tuple(ours[first.seeds.index(seed)] for seed in common),
        tuple(theirs[second.seeds.index(seed)] for seed in common),
        tuple((seed, seed) for seed in common),
    )


def _pairing_words(first: Side, second: Side, pairing: Pairing) -> Iterator[str]:
    if len(pairing.seeds) > 1:
        return
    one, other = pairing.seeds[0]
    if one != other:
        yield (
            f"Seeds {one} and {other} differ: the difference includes the luck of both, and its "
            "interval covers new conversations, not new seeds."
        )
    else:
        yield "One common seed only: the interval covers new conversations, not new seeds."
