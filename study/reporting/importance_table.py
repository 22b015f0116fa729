"""What mattered in a search, as a table."""

from study.analysis.importance import FactorImportance, SearchImportance, search_importance
from study.reporting.phrases import latex_label
from study.reporting.table import Line, Table, TableSection
from tracking.ledger import Ledger


def importance_table(ledger: Ledger, study_name: str) -> Table:
    """Importance and best region of every factor that a study's search drew.

    Raises:
        InputError: as :func:`study.analysis.importance.search_importance`.
    """
    search = search_importance(ledger, study_name)
    region = f"In the best {search.best}"
    return Table(
        title=f"Importance of the factors in the search of {study_name}",
        label=latex_label("importance", study_name),
        heading=("", "Factor", "Importance", "Read by", region),
        sections=(TableSection("", tuple(_line(factor) for factor in search.factors)),),
        records=_records(search),
        caption=(
            f"{search.trials} finished trials, judged by validation scores; importance "
            f"(PED-ANOVA) is a factor's share in what sets the best {search.best} apart, in %."
        ),
        notes=search.notes,
        words=(region,),
    )


def _line(factor: FactorImportance) -> Line:
    texts = (f"{100 * factor.importance:.1f}", str(factor.read_by), factor.region)
    return Line(factor.factor, texts, bar=factor.importance)


def _records(search: SearchImportance) -> list[dict[str, object]]:
    return [
        {
            "factor": factor.factor,
            "importance": factor.importance,
            "read_by": factor.read_by,
            "trials": search.trials,
            "best": search.best,
            "region": factor.region,
        }
        for factor in search.factors
    ]
