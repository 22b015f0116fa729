"""Whether a stored table of comparisons is still what would be computed."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

from sslcl.source_code import code_digest
from tracking.rows import StudyRow, TrialRow

COMPARISONS_MAKER = "study.analysis.comparisons"
"""The module that makes tables of comparisons."""
EFFECTS_MAKER = "study.reporting.effects_table"
"""The module that makes tables of effects."""
_READING = "tracking.ledger.predictions"
_PACKAGES = frozenset({"study", "search_spaces", "tracking", "sslcl"})
_NOT_FOLLOWED = frozenset({"sslcl.config", "tracking.ledger"})
"""What configures and stores trials: the digest holds the trials themselves."""
_LIBRARIES = ("numpy", "scipy", "statsmodels")


def comparison_digest(
    study_row: StudyRow,
    trials: Sequence[TrialRow],
    metric: str,
    rules: Mapping[str, Any],
    maker: str = COMPARISONS_MAKER,
) -> str:
    """SHA-256 of all that what ``maker`` makes of a phase follows from.

    These are the trials with their revisions, which change with all that belongs to a trial, the
    data, the metric, the rules, and the code that ``maker`` imports and the libraries' versions.
    """
    facts = [
        study_row.name,
        study_row.data_fingerprint,
        study_row.label_names,
        metric,
        rules,
        [(t.id, t.cell, t.config.seed, t.status, t.revision) for t in trials],
        _code(maker),
    ]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _code(maker: str) -> str:
    """The digest of what ``maker`` imports, and the libraries' versions."""
    code = code_digest(frozenset({maker, _READING}), _PACKAGES, _NOT_FOLLOWED)
    return ",".join([code, *map(version, _LIBRARIES)])
