"""The folder of everything that runs leave: each path in it has its name here."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from sslcl.errors import InputError

DEFAULT = Path("runs")


@dataclass(frozen=True)
class Home:
    """The paths under ``--home``.

    Args:
        folder: it need not exist.
    """

    folder: Path = DEFAULT

    @property
    def results(self) -> Path:
        """The results database."""
        return self.folder / "results.db"

    @property
    def optuna(self) -> Path:
        """Optuna's studies."""
        return self.folder / "optuna.db"

    @property
    def mlflow(self) -> Path:
        """The database of the MLflow server."""
        return self.folder / "mlflow.db"

    @property
    def artifacts(self) -> Path:
        """The files of the MLflow server."""
        return self.folder / "artifacts"

    @property
    def server_record(self) -> Path:
        """Which MLflow server is running here."""
        return self.folder / "mlflow-server.json"

    @property
    def server_log(self) -> Path:
        """What that server printed."""
        return self.folder / "mlflow-server.log"

    @property
    def ray(self) -> Path:
        """Ray Tune's own files."""
        return self.folder / "ray"

    @property
    def ray_gate(self) -> Path:
        """There while workers may begin trials."""
        return self.ray / "workers-may-begin"

    @property
    def lock(self) -> Path:
        """Held by the one process that may run a study here."""
        return self.folder / "driver.lock"

    def checkpoint(self, identity: str) -> Path:
        """The state of an unfinished trial."""
        return self.folder / "checkpoints" / f"{identity}.pt"

    def model(self, identity: str) -> Path:
        """The trained weights of a confirmed trial."""
        return self.folder / "models" / f"{identity}.pt"

    @property
    def all_reports(self) -> Path:
        """Tables and pictures of all studies."""
        return self.folder / "reports"

    def reports(self, study_name: str) -> Path:
        """Tables and pictures of one study."""
        return self.all_reports / study_name

    def page(self, study_name: str) -> Path:
        """The HTML report of a study."""
        return self.reports(study_name) / "report.html"

    @property
    def option(self) -> str:
        """What a command needs to find this folder, with a space before it; empty by default."""
        return "" if self.folder == DEFAULT else f" --home {self.folder}"

    def require(self) -> "Home":
        """The same home, if a study has run in it.

        Raises:
            InputError: when there is no results database; none is made.
        """
        if not self.results.is_file():
            raise InputError(
                f"no results at {self.results}: expected the --home of a study that has run"
            )
        return self


class _HomeType(click.ParamType[Home]):
    name = "DIRECTORY"

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        return value if isinstance(value, Home) else Home(Path(str(value)))


home_option = click.option(
    "--home",
    type=_HomeType(),
    default=str(DEFAULT),
    show_default=True,
    help="Folder of everything that runs leave.",
)
