"""What mattered in a search, as a table."""

from study.analysis.importance import FactorImportance, SearchImportance, search_importance
from study.reporting.table import Line, Section, Sheet
from tracking.ledger import Ledger


def importance_sheet(ledger: Ledger, study: str) -> Sheet:
    """Importance and best region of every factor that a study's search drew.

    Raises:
        InputError: as :func:`study.analysis.importance.search_importance`.
    """
    found = search_importance(ledger, study)
    return Sheet(
        title=f"Importance of the factors in the search of {study}",
        label=f"importance-{study}".replace("_", "-"),
        heading=("", "Factor", "Importance", "Read by", f"In the best {found.best}"),
        sections=(Section("", tuple(_line(factor) for factor in found.factors)),),
        records=_records(found),
        caption=(
            f"{found.trials} finished trials, judged by validation scores; importance (PED-ANOVA) "
            f"is a factor's share in what sets the best {found.best} apart, in %."
        ),
        notes=found.notes,
        words=(f"In the best {found.best}",),
    )


def _line(factor: FactorImportance) -> Line:
    return Line(
        factor.factor, (f"{100 * factor.importance:.1f}", str(factor.read_by), factor.region)
    )


def _records(found: SearchImportance) -> list[dict[str, object]]:
    return [
        {
            "factor": factor.factor,
            "importance": factor.importance,
            "read_by": factor.read_by,
            "trials": found.trials,
            "best": found.best,
            "region": factor.region,
        }
        for factor in found.factors
    ]
