"""Tables that take long to make, kept beside the reports while what they follow from stays."""

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from study.analysis.comparisons import PhaseReading, Rules
from study.analysis.digest import EFFECTS, comparison_digest
from study.reporting.table import Sheet

_SHEETS = TypeAdapter(list[Sheet])


def kept_effects(
    folder: Path, reading: PhaseReading, metric: str, make: Callable[[], list[Sheet]]
) -> list[Sheet]:
    """What ``make`` gives, without its records, made once for the same trials, rules and code.

    Args:
        folder: of the study's reports.
        reading: the whole phase, judged by the study's own rules.
        metric: a score or a cost.
        make: analyses the effects of ``metric``.
    """
    rules = asdict(Rules.of(reading.study))
    digest = comparison_digest(reading.study, reading.trials, metric, rules, EFFECTS)
    path = folder / f"effects-{reading.phase.value}-{metric.replace(':', '-')}.json"
    found = _read(path, digest)
    if found is None:
        found = [replace(sheet, records=()) for sheet in make()]
        folder.mkdir(parents=True, exist_ok=True)
        sheets = _SHEETS.dump_python(found, mode="json")
        path.write_text(json.dumps({"digest": digest, "sheets": sheets}), encoding="utf-8")
    return found


def _read(path: Path, digest: str) -> list[Sheet] | None:
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        if stored["digest"] == digest:
            return _SHEETS.validate_python(stored["sheets"])
    except (OSError, ValueError, KeyError, TypeError, ValidationError):
        pass  # It only saves time: what cannot be read is made again.
    return None
