import base64
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tracking.server_address import (
    answers,
    ask,
    keep_proxies_away,
    shown,
    without_password,
)

SECRET = "Basic " + base64.b64encode(b"me:pass word").decode()


@pytest.fixture
def guarded() -> Iterator[str]:
    """A server that answers only to who knows the password."""

    class Guarded(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.headers.get("Authorization") in (SECRET, "Bearer token")
            self.send_response(200 if known else 401)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Guarded) as listener:
        threading.Thread(target=listener.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{listener.server_port}"
        listener.shutdown()


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("USERNAME", "PASSWORD", "TOKEN"):
        monkeypatch.delenv(f"MLFLOW_TRACKING_{name}", raising=False)


def test_a_password_in_the_address_opens_the_server(guarded: str) -> None:
    assert answers(f"http://me:pass%20word@{guarded}")
    refused = ask(f"http://{guarded}")
    assert not refused.healthy
    assert "401" in refused.why


def test_credentials_of_mlflows_variables_open_it_too(
    guarded: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "token")
    assert answers(f"http://{guarded}")
    monkeypatch.delenv("MLFLOW_TRACKING_TOKEN")
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "me")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "pass word")
    assert answers(f"http://{guarded}")


def test_a_proxy_is_not_asked_for_this_machine(
    guarded: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert answers(f"http://me:pass%20word@{guarded}")


def test_other_clients_of_the_process_are_kept_from_the_proxy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import os

    monkeypatch.setenv("NO_PROXY", "intra.example")
    monkeypatch.delenv("no_proxy", raising=False)
    keep_proxies_away("http://mlflow.example:5000")
    assert os.environ["NO_PROXY"] == "intra.example"
    keep_proxies_away("http://127.0.0.1:5000")
    assert "127.0.0.1" in os.environ["NO_PROXY"].split(",")
    assert "intra.example" in os.environ["NO_PROXY"].split(",")
    monkeypatch.delenv("no_proxy", raising=False)


@pytest.mark.parametrize(
    ("uri", "safe", "bare"),
    [
        ("http://127.0.0.1:5000", "http://127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("https://me:s3cret@a.org/x", "https://me:***@a.org/x", "https://a.org/x"),
        ("https://me@a.org", "https://me@a.org", "https://a.org"),
    ],
)
def test_a_password_is_never_shown(uri: str, safe: str, bare: str) -> None:
    assert shown(uri) == safe
    assert without_password(uri) == bare


def test_nothing_there_has_a_reason() -> None:
    answer = ask("http://127.0.0.1:9")
    assert (answer.status, answer.healthy) == (0, False)
    assert answer.why
