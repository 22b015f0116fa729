"""``python -m tracking.reconcile``: prove that MLflow equals the ledger, or repair it."""

from typing import TYPE_CHECKING

import click

from sslcl.command import OneLineCommand, fail
from tracking.home import Home, home_option

if TYPE_CHECKING:
    from tracking.ledger import Ledger


@click.command(cls=OneLineCommand)
@home_option
@click.option("--study", "study_name", help="One study; all of them when left out.")
@click.option("--check", is_flag=True, help="Compare only, write nothing.")
def main(home: Home, study_name: str | None, check: bool) -> int:
    """Compare MLflow with the results database, and repair MLflow from it.

    Exit code 0: equal, 1: not equal, 2: bad input.
    """
    home.require()
    # Help must not wait for SQLAlchemy.
    from tracking.ledger import Ledger
    from tracking.server import ServerError, serve

    ledger = Ledger.at(home)
    try:
        with serve(home) as server:
            if not server.wait_ready():
                raise ServerError(server.silence)
            equal = _reconciled(ledger, server.uri, home, study_name, check)
    except ServerError as error:
        fail(str(error))
    finally:
        ledger.close()
    return 0 if equal else 1


def _reconciled(
    ledger: "Ledger", uri: str, home: Home, study_name: str | None, check: bool
) -> bool:
    from mlflow.exceptions import MlflowException

    from tracking.mirror.client import MlflowRuns
    from tracking.reconciliation import reconcile
    from tracking.server import ServerError
    from tracking.server_address import shown

    study_rows = [ledger.study(study_name)] if study_name else ledger.studies()
    names = [row.name for row in study_rows]
    try:
        return reconcile(ledger, MlflowRuns(uri), home, names, check=check)
    except MlflowException as error:
        reason = str(error).splitlines()[0]
        raise ServerError(f"the MLflow server at {shown(uri)} failed: {reason}") from None


if __name__ == "__main__":
    main()
