import sqlite3
from contextlib import closing
from pathlib import Path

import click
import pytest
from sqlalchemy import create_engine

from sslcl.command import OneLineCommand, run
from sslcl.errors import InputError
from tracking.home import Home, home_option, sqlite_url


@pytest.mark.parametrize("name", ["My%20Runs", "a?b#c", "50% off", "plain", "学习"])
def test_a_path_is_a_path_whatever_it_would_mean_in_a_url(name: str, tmp_path: Path) -> None:
    folder = tmp_path / name
    folder.mkdir()
    engine = create_engine(sqlite_url(folder / "x.db"))
    with engine.begin() as connection:
        connection.exec_driver_sql("create table t (a)")
    engine.dispose()
    assert [path.name for path in folder.iterdir()] == ["x.db"]
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["results", "optuna", "mlflow"])
def test_a_file_that_is_no_database_is_refused_before_anything_starts(
    name: str, tmp_path: Path
) -> None:
    home = Home(tmp_path)
    home.require_databases()
    (tmp_path / f"{name}.db").write_text("these are notes, not a database")
    with pytest.raises(InputError, match=rf"{name}\.db' is no SQLite database: move it away"):
        home.require_databases()
    (tmp_path / f"{name}.db").unlink()
    with closing(sqlite3.connect(tmp_path / f"{name}.db")) as connection:
        connection.execute("create table t (a)")
    home.require_databases()


@click.command(cls=OneLineCommand)
@home_option
def told(home: Home) -> int:
    click.echo(home.results_url + home.option)
    return 0


def test_results_elsewhere_are_named_by_option_or_variable_and_shown_without_password(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url = "postgresql://me:secret@host/results"
    assert run(told, ["--results-url", url, "--home", "h"]) == 0
    assert capsys.readouterr().out == (
        f"{url} --home h --results-url 'postgresql://me:***@host/results'\n"
    )
    monkeypatch.setenv("SSLCL_RESULTS_URL", url)
    assert run(told, []) == 0
    assert capsys.readouterr().out == f"{url}\n"
    home = Home(results_server=url)
    assert home.has_results
    assert "secret" not in home.sql("select 1") + repr(home)
