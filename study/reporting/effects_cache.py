"""Tables of effects, which take long to make, kept until what they follow from changes."""

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from sslcl.files import write_whole
from study.analysis.comparisons import Rules
from study.analysis.digest import EFFECTS_MAKER, comparison_digest
from study.analysis.reading import PhaseReading
from study.reporting.table import Table

_TABLE = TypeAdapter(Table)


def kept_effects(
    folder: Path, reading: PhaseReading, metric: str, make: Callable[[], Table]
) -> Table:
    """What ``make`` gives, without its records, made once for the same trials, rules and code.

    Args:
        folder: of the study's reports.
        reading: the whole phase, judged by the study's own rules.
        metric: a score or a cost.
        make: analyses the effects of ``metric``.
    """
    rules = asdict(Rules.of(reading.study_row))
    digest = comparison_digest(reading.study_row, reading.trials, metric, rules, EFFECTS_MAKER)
    path = folder / f"effects-{reading.phase.value}-{metric.replace(':', '-')}.json"
    table = _read(path, digest)
    if table is None:
        table = replace(make(), records=())
        stored = {"digest": digest, "table": _TABLE.dump_python(table, mode="json")}
        write_whole(path, json.dumps(stored))
    return table


def _read(path: Path, digest: str) -> Table | None:
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        if stored["digest"] == digest:
            return _TABLE.validate_python(stored["table"])
    except (OSError, ValueError, KeyError, TypeError, ValidationError):
        pass  # It only saves time: what cannot be read is made again.
    return None
