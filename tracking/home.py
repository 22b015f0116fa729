"""The folder of everything that runs leave: each path in it has its name here."""

import os
import shlex
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import click

from sslcl.errors import InputError
from tracking.server_address import shown

DEFAULT = Path("runs")
RESULTS_VARIABLE = "SSLCL_RESULTS_URL"
"""Environment variable for ``--results-url``."""
_RESULTS_SERVER = "tracking.results_server"
Callback = TypeVar("Callback", bound=Callable[..., Any])


@dataclass(frozen=True)
class Home:
    """The paths under ``--home``.

    Args:
        folder: it need not exist.
        results_server: URL of a results database that is kept elsewhere; it may hold a password.
    """

    folder: Path = DEFAULT
    results_server: str | None = field(default=None, repr=False)

    @property
    def results(self) -> Path:
        """The results database, unless it is kept elsewhere."""
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
    def results_url(self) -> str:
        """SQLAlchemy's URL of the results database."""
        return self.results_server or sqlite_url(self.results)

    @property
    def has_results(self) -> bool:
        """Whether there may be results already."""
        return self.results_server is not None or self.results.is_file()

    @property
    def optuna_url(self) -> str:
        """The URL of Optuna's studies."""
        return sqlite_url(self.optuna)

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
    def docs(self) -> Path:
        """Pages about studies for a documentation site."""
        return self.folder / "docs"

    @property
    def option(self) -> str:
        """What a command needs to find all this, with a space before it; empty by default."""
        words = []
        if self.folder != DEFAULT:
            words += ["--home", str(self.folder)]
        if self.results_server is not None and RESULTS_VARIABLE not in os.environ:
            words += ["--results-url", shown(self.results_server)]
        return f" {shlex.join(words)}" if words else ""

    def sql(self, query: str) -> str:
        """The command that asks the results database for ``query``, which has no double quotes."""
        if self.results_server is not None:
            return f'psql {shlex.quote(shown(self.results_server))} -c "{query}"'
        return f'sqlite3 {shlex.quote(str(self.results))} "{query}"'

    def require_databases(self) -> None:
        """Refuse a folder in which the name of a database is taken by something else.

        Raises:
            InputError: naming the first file that is no SQLite database.
        """
        for path in (self.results, self.optuna, self.mlflow):
            if path.is_dir() or (path.is_file() and not _sqlite(path)):
                raise InputError(
                    f"'{path}' is no SQLite database: move it away, or give another --home"
                )

    def require(self) -> "Home":
        """The same home, if a study has run in it.

        Raises:
            InputError: when there is no results database; none is made.
        """
        if not self.has_results:
            raise InputError(
                f"no results at {self.results}: expected the --home of a study that has run"
            )
        return self


def _sqlite(path: Path) -> bool:
    with path.open("rb") as file:
        start = file.read(16)
    return start in (b"", b"SQLite format 3\0")


def sqlite_url(path: Path) -> str:
    """The URL of an SQLite database; in a URL ``%``, ``?`` and ``#`` of a path stand for others.

    Example:
        >>> sqlite_url(Path("/runs/50% off.db"))
        'sqlite:////runs/50%25%20off.db'
    """
    return f"sqlite:///{quote(str(path.resolve()))}"


class _HomeType(click.ParamType[Home]):
    name = "DIRECTORY"

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        if isinstance(value, Home):
            return value
        return Home(Path(str(value)), ctx.meta.get(_RESULTS_SERVER) if ctx else None)


def _keep_url(ctx: click.Context, _param: click.Parameter, value: str | None) -> None:
    ctx.meta[_RESULTS_SERVER] = value


_home = click.option(
    "--home",
    type=_HomeType(),
    default=str(DEFAULT),
    show_default=True,
    help="Folder of everything that runs leave.",
)
_results_url = click.option(
    "--results-url",
    metavar="URL",
    envvar=RESULTS_VARIABLE,
    show_envvar=True,
    is_eager=True,  # before --home, which takes it up
    expose_value=False,
    callback=_keep_url,
    help="Results database elsewhere, such as postgresql://user@host/results; "
    "results.db in the home folder when left out.",
)


def home_option(command: Callback) -> Callback:
    """The options ``--home`` and ``--results-url``; the function is given ``home``."""
    return _home(_results_url(command))
