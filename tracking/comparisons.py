"""Where MLflow shows the runs of a study side by side."""

import json
from collections.abc import Iterator
from contextlib import suppress

from tracking.home import Home
from tracking.ledger import Ledger
from tracking.mirror.view import comparison_address
from tracking.ports import FIRST_PORT
from tracking.server_address import given_address, shown


def comparison_of(ledger: Ledger, study_name: str, server: str) -> str | None:
    """The address of a study's comparison on a server; ``None`` before MLflow has the study."""
    experiment, _, _ = ledger.mirror_study(study_name)
    return None if experiment is None else comparison_address(shown(server), experiment)


def comparisons(ledger: Ledger, server: str) -> Iterator[tuple[str, str]]:
    """Name and address of the comparison of every study that MLflow has."""
    for study_row in ledger.studies():
        address = comparison_of(ledger, study_row.name, server)
        if address is not None:
            yield study_row.name, address


def usual_address(home: Home) -> str:
    """Where the server of a home answers while it runs: as it last did, unless one is given."""
    if given := given_address():
        return given
    with suppress(OSError, ValueError, KeyError, TypeError):
        return str(json.loads(home.server_record.read_text())["uri"])
    return f"http://127.0.0.1:{FIRST_PORT}"
