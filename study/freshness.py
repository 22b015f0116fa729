"""Whether a stored table of comparisons is still what would be computed."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tracking import readings
from tracking.rows import StudyRow, TrialRow

_MODULES = (
    "designs/cell",
    "comparisons",
    "metrics_from_confusion",
    "permutation",
    "statistics",
    "verdicts",
)
EFFECTS = (
    *_MODULES,
    "aliases",
    "assumptions",
    "contrasts",
    "costs",
    "effects",
    "factorial",
    "sheets",
    "tables",
    "units",
    "wording",
)
"""The modules that the effects of crossed factors follow from."""
_LIBRARIES = ("numpy", "scipy", "statsmodels")


def comparison_digest(
    study: StudyRow,
    trials: Sequence[TrialRow],
    metric: str,
    rules: Mapping[str, Any],
    modules: tuple[str, ...] = _MODULES,
) -> str:
    """SHA-256 of all that the comparisons of a phase, or what else ``modules`` make, follow from.

    These are the trials with their revisions, which change with all that belongs to a trial, the
    data, the metric, the rules, and the code and libraries that compute.
    """
    facts = [
        study.name,
        study.data_fingerprint,
        study.label_names,
        metric,
        rules,
        [(t.id, t.cell, t.config.seed, t.status, t.revision) for t in trials],
        _code(modules),
    ]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


@cache
def _code(modules: tuple[str, ...]) -> str:
    """The text of the modules, and the libraries' versions."""
    here = Path(__file__)
    files = [here.parent / f"{name}.py" for name in modules] + [Path(readings.__file__)]
    texts = [hashlib.sha256(path.read_bytes()).hexdigest() for path in files]
    return ",".join([*texts, *map(version, _LIBRARIES)])
