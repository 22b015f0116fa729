import subprocess
import sys
from pathlib import Path

import pytest

from sslcl.command import run
from study.execution.machine.ray_address import chosen_address
from study.run import main


def test_an_address_that_is_asked_for_comes_before_the_variable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    assert chosen_address("10.0.0.2:6379") == "10.0.0.2:6379"
    assert chosen_address(None) == "10.0.0.1:6379"
    monkeypatch.delenv("RAY_ADDRESS")
    assert chosen_address(None) is None


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("127.0.0.1:9", "cannot be reached: Connection refused"),
        ("nonsense", "expected host:port"),
        ("127.0.0.1:port", "expected host:port"),
    ],
)
@pytest.mark.parametrize("variable", [False, True])
def test_a_cluster_that_is_not_there_is_one_line_before_anything_is_made(
    address: str,
    says: str,
    variable: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    words = ["quickstart", "--home", str(tmp_path / "runs")]
    if variable:
        monkeypatch.setenv("RAY_ADDRESS", address)
    else:
        words += ["--address", address]
    assert run(main, words) == 2
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_a_cluster_that_wants_a_token_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ray = str(Path(sys.executable).with_name("ray"))
    guarded = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "a" * 40, "PATH": "/usr/bin:/bin"}
    start = f"{ray} start --head --port=26379 --num-cpus=1 --include-dashboard=false --block"
    head = subprocess.Popen(
        [*start.split(), f"--temp-dir=/tmp/ray-token-{tmp_path.parent.name[-6:]}"],
        env=guarded,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert head.stdout is not None
        for line in head.stdout:
            if "Ray runtime started" in line:
                break
        monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
        words = ["quickstart", "--home", str(tmp_path / "runs"), "--address", "127.0.0.1:26379"]
        assert run(main, words) == 2
        error = capsys.readouterr().err
        assert "wants a token: set RAY_AUTH_MODE=token" in error
        assert error.count("\n") == 1
        assert not (tmp_path / "runs").exists()
    finally:
        head.terminate()
        head.wait(60)
