"""What befalls a machine while a study runs: a full disk, a locked file, a clock set back, ..."""

import http.server
import os
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path

import pytest

from .conftest import CELLS, REPEATABLE, ROOT, SEEDS, Home

pytestmark = pytest.mark.slow
PLANNED = CELLS * SEEDS
TRAINED = "select count(*) from trials where status = 'COMPLETE'"


@pytest.fixture
def repeatable(home: Home) -> Home:
    home.study = REPEATABLE
    home.__post_init__()
    return home


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """A disk of 96 MiB at ``folder``; skips where mounting is not permitted."""
    folder.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=96m", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(words, capture_output=True, text=True)
    except OSError as error:
        pytest.skip(f"mount: {error}")
    if mounted.returncode != 0:
        pytest.skip(mounted.stderr.strip())
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(file: Path) -> None:
    """Use all that is left of a disk."""
    try:
        with file.open("wb", buffering=0) as filling:
            while True:
                filling.write(bytes(4096))
    except OSError:
        pass


def check(home: Home, undisturbed: list[list[str]]) -> None:
    """All is there once, in MLflow too, and the tables are those of a run without trouble."""
    assert home.tables() == undisturbed
    mended = home.run(module="tracking.reconcile")
    assert mended.returncode == 0, mended.stdout
    assert "MLflow equals the ledger" in mended.stdout
    runs = home.sql(
        "select r.status, count(*), count(distinct t.value) from runs r "
        "join tags t on t.run_uuid = r.run_uuid where t.key = 'trial' group by r.status",
        "mlflow.db",
    )
    assert runs == [("FINISHED", PLANNED, PLANNED)]


def test_a_disk_that_is_full_is_one_line_and_the_same_command_goes_on(
    repeatable: Home, undisturbed: list[list[str]]
) -> None:
    home = repeatable
    with small_disk(home.runs):
        process = home.start()
        assert home.wait_for(lambda: home.count(TRAINED) >= 4, process)
        fill(home.runs / "filling")
        said, _ = process.communicate(timeout=600)
        assert process.returncode == 2, said
        assert "Traceback" not in said
        assert "no room is left on the disk of" in said
        assert 4 <= home.count(TRAINED) < PLANNED
        (home.runs / "filling").unlink()
        again = home.run()
        assert again.returncode == 0, again.stdout
        check(home, undisturbed)
        leftovers = [path.name for path in home.runs.rglob("*.tmp*")]
        assert leftovers == []
        assert not list((home.runs / "checkpoints").glob("*"))


def test_a_home_that_cannot_be_written_to_is_one_line(repeatable: Home) -> None:
    home = repeatable
    with small_disk(home.runs):
        subprocess.run(["mount", "-o", "remount,ro", str(home.runs)], check=True)
        refused = home.run()
        assert refused.returncode == 2
        assert refused.stdout.count("\n") == 1
        assert "Read-only file system" in refused.stdout


SET_BACK = """
import time
_true, _began = time.time, time.monotonic()
time.time = lambda: _true() - (7200 if time.monotonic() - _began > 12 else 0)
"""


@contextmanager
def bad_mlflow() -> Iterator[str]:
    """A server that is well by its own account, and answers slowly, with 500, or with half."""
    number = count()

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.endswith("/health"):
                self._answer(200, b"OK")
                return
            turn = next(number) % 3
            if turn == 0:
                time.sleep(2.0)
            self._answer(500 if turn < 2 else 200, b'{"experiment": {"experi')

        do_POST = do_GET  # noqa: N815

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body) + (status == 200 and len(body) > 2)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_bad_day_changes_nothing_in_the_tables(
    repeatable: Home, undisturbed: list[list[str]]
) -> None:
    """MLflow answers 500, slowly or half; the clock is set back; somebody locks the ledger for half
    a minute; somebody starts a second driver."""
    home = repeatable
    (home.path / "clock").mkdir()
    (home.path / "clock" / "sitecustomize.py").write_text(SET_BACK)
    with bad_mlflow() as address:
        paths = [str(home.path / "clock"), str(ROOT)]
        home.environment = {
            "MLFLOW_TRACKING_URI": address,
            "PYTHONPATH": os.pathsep.join(paths),
            "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
        }
        process = home.start()
        assert home.wait_for(lambda: home.count(TRAINED) >= 4, process)
        with closing(sqlite3.connect(home.runs / "results.db", isolation_level=None)) as somebody:
            somebody.execute("BEGIN IMMEDIATE")
            home.environment = {}
            second = home.run()
            assert second.returncode == 2
            assert f"another study is running in '{home.runs}' (process {process.pid})" in (
                " ".join(second.stdout.split())
            )
            time.sleep(31.0)
            assert process.poll() is None
        said, _ = process.communicate(timeout=800)
    assert process.returncode == 0, said
    assert "Traceback" not in said
    assert "is locked by another program: waiting until it lets go" in said
    assert "tracking.reconcile" in said
    check(home, undisturbed)


HANGS = '''
import time
from sslcl.backbones.utterance import Utterance

class Sleeper(Utterance):
    """Hangs."""
    name = "sleeper"
    def features(self, batch, views):
        time.sleep(1000)
'''
HANGING = """
study: tiny
dataset_options: {conversations: 14}
base: {epochs: 2, hidden_size: 8, label_embedding_width: 8}
factors: {backbone: [utterance, sleeper]}
ablate: {factors: [backbone], reference: {backbone: utterance}, seeds: 2}
budget: {trial_minutes: 0.3}
resources: {workers: 2}
"""


def test_a_trial_that_hangs_ends_at_its_time_limit_and_the_others_go_on(home: Home) -> None:
    home.study = HANGING
    home.__post_init__()
    (home.path / "sleeper.py").write_text(HANGS)
    done = home.run("--plugin", str(home.path / "sleeper.py"))
    assert done.returncode == 1, done.stdout
    assert "took longer than the 0.3 min of budget.trial_minutes" in " ".join(done.stdout.split())
    assert home.sql("select cell, status, failure, count(*) from trials group by 1, 2, 3") == [
        ("backbone=sleeper", "FAILED", "timeout", 2),
        ("reference", "COMPLETE", None, 2),
    ]
