"""The folder of everything that runs leave: each path in it has its name here."""

import hashlib
import os
import shlex
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import click

from sslcl.errors import InputError
from sslcl.files import write_whole
from tracking.artifacts import FolderStore, Store, checked_url, claim_place, require_place, store_at
from tracking.server_address import shown

DEFAULT = Path("runs")
RESULTS_VARIABLE = "SSLCL_RESULTS_URL"
"""Environment variable for ``--results-url``."""
ARTIFACTS_VARIABLE = "SSLCL_ARTIFACTS"
"""Environment variable for ``--artifacts``."""
_RESULTS_SERVER = "tracking.results_server"
_ARTIFACTS = "tracking.artifacts"
GATE = "ray/workers-may-begin"
"""Of the file that is there while workers may begin trials."""
Callback = TypeVar("Callback", bound=Callable[..., Any])


@dataclass(frozen=True)
class Home:
    """The paths under ``--home``.

    Args:
        folder: it need not exist.
        results_server: URL of a results database that is kept elsewhere; it may hold a password.
        artifacts_url: URL of checkpoints and models that are kept elsewhere; likewise.
    """

    folder: Path = DEFAULT
    results_server: str | None = field(default=None, repr=False)
    artifacts_url: str | None = field(default=None, repr=False)

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
    def lock(self) -> Path:
        """Held by the one process that may run a study here."""
        return self.folder / "driver.lock"

    @property
    def store(self) -> Store:
        """Where the files are that workers write, under :func:`checkpoint` and :func:`model`."""
        return store_at(self.artifacts_url) if self.artifacts_url else FolderStore(self.folder)

    def require_artifacts(self) -> None:
        """Refuse an ``--artifacts`` that cannot be written, or is that of other results.

        Raises:
            InputError: saying why.
        """
        if self.artifacts_url:
            require_place(self.artifacts_url, self._id())

    def claim_artifacts(self) -> None:
        """Have no other results database use the place of ``--artifacts``."""
        if self.artifacts_url:
            if not self._id():
                write_whole(self._id_file, uuid.uuid4().hex)
            claim_place(self.artifacts_url, self._id())

    @property
    def _id_file(self) -> Path:
        return self.folder / "results-id.txt"

    def _id(self) -> str:
        """Of the results database; empty where it is new. One on a server serves many homes."""
        if self.results_server is not None:
            return hashlib.sha256(shown(self.results_server).encode()).hexdigest()
        return self._id_file.read_text() if self._id_file.is_file() else ""

    def logged(self, identity: str) -> Path:
        """There once MLflow has the model of a confirmed trial."""
        return self.folder / "models" / f"{identity}.logged"

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


def checkpoint(identity: str) -> str:
    """Name in the store of the state of an unfinished trial."""
    return f"checkpoints/{identity}.pt"


def model(identity: str) -> str:
    """Name in the store of the trained weights of a confirmed trial."""
    return f"models/{identity}.pt"


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
        meta = ctx.meta if ctx else {}
        return Home(Path(str(value)), meta.get(_RESULTS_SERVER), meta.get(_ARTIFACTS))


def _keep_artifacts(ctx: click.Context, _param: click.Parameter, value: str | None) -> None:
    ctx.meta[_ARTIFACTS] = checked_url(value) if value else None


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

artifacts_option = click.option(
    "--artifacts",
    metavar="URL",
    envvar=ARTIFACTS_VARIABLE,
    show_envvar=True,
    is_eager=True,
    expose_value=False,
    callback=_keep_artifacts,
    help="Checkpoints and models elsewhere, such as s3://bucket/folder, so that nodes need not "
    "share the home folder; in it when left out.",
)
"""The option ``--artifacts``; it is taken up by ``--home``."""


def home_option(command: Callback) -> Callback:
    """The options ``--home`` and ``--results-url``; the function is given ``home``."""
    return _home(_results_url(command))
