import http.server
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from sslcl.command import run
from sslcl.errors import InputError
from tracking import server as server_module
from tracking.home import Home
from tracking.ports import free_port
from tracking.server import Server, ServerError, main, serve
from tracking.server_address import HOME_HEADER, answers

TOKEN = "0123456789abcdef"


@pytest.fixture(autouse=True)
def _no_server_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


@pytest.fixture
def healthy() -> Iterator[str]:
    class Health(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header(HOME_HEADER, TOKEN)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Health) as listener:
        threading.Thread(target=listener.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{listener.server_port}"
        listener.shutdown()


def record(home: Path, uri: str, owner: psutil.Process, token: str = TOKEN) -> None:
    home.mkdir(exist_ok=True)
    content = {"uri": uri, "token": token, "owner": owner.pid, "owner_created": owner.create_time()}
    Home(home).server_record.write_text(json.dumps(content))


def dead_process() -> psutil.Process:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    process = psutil.Process(child.pid)
    process.create_time()
    child.kill()
    child.wait()
    return process


def test_the_server_given_by_variable_is_used_and_nothing_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, healthy: str
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", healthy + "/")
    with serve(Home(tmp_path / "runs")) as server:
        assert (server.uri, server.started) == (healthy, False)
        assert server.wait_ready(5.0)
    assert answers(healthy)
    assert not (tmp_path / "runs").exists()


def test_a_variable_that_is_no_address_is_bad_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "file:./mlruns")
    with pytest.raises(InputError, match=r"MLFLOW_TRACKING_URI is 'file:\./mlruns': expected"):
        serve(Home(tmp_path))


def test_the_server_that_another_process_keeps_for_this_home_is_used(
    tmp_path: Path, healthy: str
) -> None:
    record(tmp_path, healthy, psutil.Process())
    with serve(Home(tmp_path)) as server:
        assert (server.uri, server.started) == (healthy, False)
    assert answers(healthy)


def test_another_homes_server_at_the_recorded_address_is_never_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, healthy: str
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    for owner in (psutil.Process(), dead_process()):
        record(tmp_path, healthy, owner, token="of-another-home")
        with serve(Home(tmp_path)) as server:
            assert server.started
            assert server.uri != healthy


def test_a_server_that_took_our_port_is_not_taken_for_ours(tmp_path: Path, healthy: str) -> None:
    with Server(healthy, "of-our-home") as server:
        assert not server.wait_ready(0.3)


def test_a_claim_never_follows_a_link_that_was_put_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    victim = tmp_path / "victim"
    victim.write_text("kept")
    (tmp_path / f"sslcl-mlflow-{os.getuid()}").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="is not a folder of yours"):
        free_port("127.0.0.1", 6100)
    assert victim.read_text() == "kept"
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("content", ["", "[]", '{"uri": 3}', "not json"])
def test_a_broken_record_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    Home(tmp_path).server_record.write_text(content)
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with serve(Home(tmp_path)) as server:
        assert server.started


def test_a_record_of_a_process_that_is_gone_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(tmp_path, "http://127.0.0.1:1", dead_process())
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with serve(Home(tmp_path)) as server:
        assert server.started
        assert server.uri != "http://127.0.0.1:1"


def test_a_server_that_dies_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho the reason it died\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(broken))
    with serve(Home(tmp_path / "runs")) as server, pytest.raises(ServerError) as caught:
        server.wait_ready(10.0)
    assert "code 3" in str(caught.value)
    assert "the reason it died" in str(caught.value)


def test_a_file_that_is_no_database_is_bad_input(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("these are not the bytes of a database" * 100)
    with pytest.raises(InputError, match=r"mlflow\.db' is no SQLite database"):
        serve(Home(tmp_path))


def test_a_port_in_use_is_stepped_over() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert free_port("127.0.0.1", port) > port


class NoServer:
    """Stands for a server that was started."""

    started = True


@pytest.mark.parametrize(
    ("host", "told"), [(None, False), ("localhost", False), ("::1", False), ("0.0.0.0", True)]
)
def test_it_listens_to_this_machine_alone_or_says_who_else_may_come(
    host: str | None,
    told: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    hosts: list[str] = []

    def started(home: Home, host: str, port: int) -> NoServer:
        hosts.append(host)
        return NoServer()

    monkeypatch.setattr(server_module, "serve", started)
    monkeypatch.setattr(server_module, "_foreground", lambda *_: 0)
    words = ["--home", str(tmp_path), *(["--host", host] if host else [])]
    assert run(main, words) == 0
    assert hosts == [host or "127.0.0.1"]
    said = capsys.readouterr().err
    assert said.startswith("warning: --host 0.0.0.0 lets other machines in") if told else not said


def test_a_log_never_follows_a_link_that_was_put_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    victim = tmp_path / "victim"
    victim.write_text("kept")
    home = Home(tmp_path / "runs")
    home.folder.mkdir()
    home.server_log.symlink_to(victim)
    with serve(home):
        assert victim.read_text() == "kept"
        assert not home.server_log.is_symlink()


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
def test_a_host_that_is_not_ours_is_bad_input(host: str) -> None:
    with pytest.raises(InputError, match=host):
        free_port(host)


def test_the_command_line_wants_a_folder_that_is_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(main, ["--home", str(tmp_path / "nowhere")]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "nowhere" in error


def family(pid: int) -> list[psutil.Process]:
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def await_end(processes: list[psutil.Process]) -> None:
    deadline = time.monotonic() + 30
    while any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in processes):
        assert time.monotonic() < deadline, "the server lives on"
        time.sleep(0.1)


@pytest.mark.slow
def test_a_real_server_is_lean_in_wal_mode_and_goes_when_stopped(tmp_path: Path) -> None:
    import sqlite3

    home = tmp_path / "my runs"
    with serve(Home(home)) as server:
        assert server.started
        assert server.wait_ready()
        processes = family(json.loads(Home(home).server_record.read_text())["pid"])
        assert len(processes) == 2
        with serve(Home(home)) as second:
            assert (second.uri, second.started) == (server.uri, False)
        assert answers(server.uri)
        assert answers(server.uri.replace("127.0.0.1", "localhost"))
        mode = sqlite3.connect(home / "mlflow.db").execute("PRAGMA journal_mode").fetchone()
        assert mode == ("wal",)
    await_end(processes)
    assert not answers(server.uri)


@pytest.mark.slow
def test_a_database_that_was_being_made_when_its_server_was_killed_is_made_anew(
    tmp_path: Path,
) -> None:
    """All is there but the last step and the note of the one before it."""
    from alembic.script import ScriptDirectory
    from mlflow.store.db.utils import _get_alembic_config, _initialize_tables
    from sqlalchemy import create_engine, text

    home = Home(tmp_path)
    engine = create_engine(f"sqlite:///{home.mlflow}")
    _initialize_tables(engine)
    script = ScriptDirectory.from_config(_get_alembic_config(str(engine.url)))
    last = script.get_revision("head")
    assert last is not None
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE alembic_version SET version_num = :before"), {"before": last.down_revision}
        )
    engine.dispose()
    with serve(home) as server:
        assert server.wait_ready()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's end")
def test_a_real_server_goes_when_its_owner_is_killed(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from tracking.home import Home;"
        "from tracking.server import serve;"
        "server = serve(Home(Path(sys.argv[1]))); server.wait_ready();"
        "print(server.uri, flush=True);"
        "time.sleep(600)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout is not None
        uri = owner.stdout.readline().strip()
        processes = family(json.loads(Home(tmp_path).server_record.read_text())["pid"])
        os.kill(owner.pid, 9)
    await_end(processes)
    assert not answers(uri)


@pytest.mark.slow
def test_the_command_line_says_where_it_is_and_stops_on_a_signal(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tracking.server", "--home", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline(), process.stdout.readline()]
        assert "Ctrl-C stops it" in lines[1]
        processes = family(json.loads(Home(tmp_path).server_record.read_text())["pid"])
        process.send_signal(2)
        assert process.wait(30) == 0
    await_end(processes)
