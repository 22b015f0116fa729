"""Processes killed on purpose, at random moments; afterwards nothing is lost or doubled."""

import json
import random
import signal
import time

import psutil
import pytest

from .conftest import TRIALS, Home

pytestmark = pytest.mark.slow


def check_all_is_there_once(home: Home) -> None:
    counts = dict(home.sql("select phase, count(*) from trials where current group by phase"))
    assert counts == TRIALS
    unfinished = "select count(*) from trials where status in ('PLANNED', 'RUNNING')"
    assert home.count(unfinished) == 0
    in_ledger = sorted(home.sql("select id from trials"))
    assert sorted(home.sql("select value from tags where key = 'trial'", "mlflow.db")) == in_ledger
    assert home.count("select count(*) from runs where status = 'RUNNING'", "mlflow.db") == 0
    running = "select count(*) from trials where state = 'RUNNING'"
    assert home.count(running, "optuna.db") == 0
    assert home.run("--check", module="tracking.reconcile").returncode == 0


def ray_process(driver: int, name: str) -> psutil.Process | None:
    """Of the Ray that a driver has started, the process of that name."""
    children = psutil.Process(driver).children()
    return next((child for child in children if child.name() == name), None)


def test_ray_and_the_driver_killed_again_and_again(home: Home) -> None:
    """SIGKILL of Ray's head, of its raylet, and of the driver, each after some trial has begun."""
    moments = random.Random()
    for phase, victim in (
        ("search", "gcs_server"),
        ("search", "raylet"),
        ("confirm", ""),
        ("ablate", ""),
    ):
        process = home.start()
        begun = f"select count(*) from trials where phase = '{phase}' and attempts > 0"
        had = home.count(begun)

        def another_began(query: str = begun, before: int = had) -> bool:
            return home.count(query) > before

        waits = home.wait_for(another_began, process)
        if victim:
            assert waits, process.communicate()[0]
            of_ray = ray_process(process.pid, victim)
            assert of_ray is not None
            time.sleep(moments.uniform(0.0, 0.5))
            of_ray.kill()
            said, _ = process.communicate(timeout=300)
            assert process.returncode == 2, said
            assert said.count("error: Ray has stopped on this machine") == 1
            assert "Traceback" not in said
            continue
        if waits:
            time.sleep(moments.uniform(0.0, 2.0))
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
    done = home.run()
    assert done.returncode == 0, done.stdout
    check_all_is_there_once(home)


def test_the_mlflow_server_killed_in_mid_study(home: Home) -> None:
    process = home.start()
    trained = "select count(*) from trials where status = 'COMPLETE'"
    assert home.wait_for(lambda: home.count(trained) >= 2, process)
    record = json.loads((home.runs / "mlflow-server.json").read_text())
    server = psutil.Process(record["pid"])
    for part in [*server.children(recursive=True), server]:
        part.kill()
    output, _ = process.communicate(timeout=800)
    assert process.returncode == 0, output
    assert "tracking.reconcile" in output
    assert home.count("select count(*) from trials where status in ('PLANNED', 'RUNNING')") == 0
    mended = home.run(module="tracking.reconcile")
    assert mended.returncode == 0, mended.stdout
    assert "MLflow equals the ledger" in mended.stdout
    check_all_is_there_once(home)


def test_a_worker_killed_in_mid_trial(home: Home) -> None:
    process = home.start("--set", "search.scheduler=none")
    started = "select count(*) from trials where status = 'RUNNING'"
    assert home.wait_for(lambda: home.count(started) >= 1, process)
    for child in psutil.Process(process.pid).children(recursive=True):
        if "ResourceTrainable" in " ".join(child.cmdline()):
            child.kill()
            break
    output, _ = process.communicate(timeout=800)
    assert process.returncode == 0, output
    assert "Traceback" not in output
    assert "(raylet)" not in output
    if home.count("select max(attempts) from trials") > 1:
        assert "is gone: its trial goes on in another" in output
    check_all_is_there_once(home)


def test_ctrl_c_is_graceful_and_the_same_command_goes_on(home: Home) -> None:
    process = home.start()
    ended = "select count(*) from trials where status in ('COMPLETE', 'PRUNED')"
    assert home.wait_for(lambda: home.count(ended) >= 1, process)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=800)
    assert process.returncode == 130, output
    assert "run the same command again" in output
    assert home.count("select count(*) from trials where status = 'RUNNING'") == 0
    done = home.run()
    assert done.returncode == 0, done.stdout
    check_all_is_there_once(home)
