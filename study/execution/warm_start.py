"""What a search knows before its first trial: trials that earlier searches have finished."""

from search_spaces.schema import Assignment, Study
from study.design.data_facts import DataFacts
from study.design.space import declared, draws
from study.design.tuning import Tuning, search_of
from tracking.ledger import Ledger
from tracking.records import Phase, Status
from tracking.rows import TrialRow


def earlier_trials(ledger: Ledger, tuning: Tuning, data: DataFacts) -> list[TrialRow]:
    """Trials of other searches that ``tuning`` could have drawn itself, one of each identity.

    A trial counts if, drawn by this search, it would have the same identity: then configuration,
    seed, data and training code are the same, and so is its score. Its levels must lie in the
    space. Complete trials are preferred to pruned ones. There are none for the search of a single
    cell, since all cells are searched with the same budget and knowledge, and none where the study
    file says ``warm_start: false``.

    Args:
        ledger: of all studies of this home.
        tuning: the search about to start.
        data: gives trials their identity.

    Returns:
        Finished trials, in the order in which they ended.
    """
    if tuning.phase is not Phase.SEARCH or not tuning.settings.warm_start:
        return []
    rows = [
        row
        for study_row in ledger.studies()
        for row in ledger.trials(study_row.name, phase=Phase.SEARCH, current=None)
        if row.status in (Status.COMPLETE, Status.PRUNED)
        and row.score is not None
        and row.data_fingerprint == data.fingerprint
        and row.id != tuning.id(row.number or 0)
    ]
    rows.sort(key=lambda row: (row.status is Status.PRUNED, row.ended_at or 0, row.id))
    first: dict[str, TrialRow] = {}
    for row in rows:
        if row.identity not in first and _would_be_drawn(tuning, row, data):
            first[row.identity] = row
    return sorted(first.values(), key=lambda row: (row.ended_at or 0, row.id))


def first_levels(ledger: Ledger, tuning: Tuning, data: DataFacts) -> list[Assignment]:
    """What a search tries before its sampler draws anything.

    These are its declared levels, so that a published recipe, or the settings that a row would
    have without retuning, are always tried. Where a row is retuned, levels follow that the study's
    own search has tried of the same cell to the end, in their order: as trials of the row's search
    they count towards its budget, and cost nothing, because their scores are taken from there.

    Args:
        ledger: of all studies of this home.
        tuning: the search.
        data: gives trials their identity.
    """
    study = tuning.study
    first = [declared(tuning)]
    if tuning.start is None or study.search is None or not study.search.warm_start:
        return first
    search = search_of(study)
    rows = search.among(ledger.trials(study.name, phase=search.phase, current=None))
    known = {tuning.trial(0, first[0], data).identity}
    for row in sorted(rows, key=lambda row: row.number or 0):
        complete = row.status in (Status.COMPLETE, Status.CACHED)
        if complete and row.identity not in known and _would_be_drawn(tuning, row, data):
            known.add(row.identity)
            first.append(study.assignment(row.config))
    return first


def _would_be_drawn(tuning: Tuning, row: TrialRow, data: DataFacts) -> bool:
    study: Study = tuning.study
    levels = study.assignment(row.config)
    if not draws(tuning, levels):
        return False
    drawn = study.config({**levels, **tuning.held}, tuning.settings.seed)
    return data.identify(drawn) == row.identity
