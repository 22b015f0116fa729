"""The address of an MLflow server: who answers there, and what of it may be shown."""

import base64
import os
import ssl
import urllib.error
import urllib.request
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit, urlunsplit

HOME_HEADER = "sslcl-home"
"""What a server that we started says of itself in every answer: the token of its home."""
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class Answer:
    """What came back from an address.

    Args:
        status: HTTP status; 0 where nothing came back.
        home: token of the home that the server was started for, empty for any other server.
        why: the reason why nothing came back, in a few words.
    """

    status: int = 0
    home: str = ""
    why: str = ""

    @property
    def healthy(self) -> bool:
        """Whether an MLflow server answered."""
        return self.status == 200


def given_address() -> str:
    """The server that ``MLFLOW_TRACKING_URI`` names; empty where it names none."""
    return os.environ.get("MLFLOW_TRACKING_URI", "").strip().rstrip("/")


def ask(uri: str, timeout: float = 2.0) -> Answer:
    """Ask the server at ``uri`` for its health, with the credentials that MLflow's client uses.

    They are in the address itself or in ``MLFLOW_TRACKING_USERNAME`` and
    ``MLFLOW_TRACKING_PASSWORD``, or ``MLFLOW_TRACKING_TOKEN``; certificates in
    ``MLFLOW_TRACKING_SERVER_CERT_PATH``. A proxy is never asked for this machine's own addresses.
    """
    try:
        request = urllib.request.Request(f"{without_password(uri).rstrip('/')}/health")
        for name, value in _credentials(uri).items():
            request.add_header(name, value)
        with _opener(uri).open(request, timeout=timeout) as reply:
            return Answer(int(reply.status), str(reply.headers.get(HOME_HEADER, "")))
    except urllib.error.HTTPError as error:
        return Answer(error.code, why=f"it answers {error.code} {error.reason}")
    except urllib.error.URLError as error:
        return Answer(why=str(error.reason))
    except (OSError, ValueError) as error:
        return Answer(why=str(error))


def answers(uri: str, timeout: float = 2.0) -> bool:
    """Whether an MLflow server answers at ``uri`` within ``timeout`` seconds."""
    return ask(uri, timeout).healthy


def shown(uri: str) -> str:
    """The address as it may be printed or stored: a password is masked.

    Example:
        >>> shown("https://me:secret@example.org/mlflow")
        'https://me:***@example.org/mlflow'
    """
    parts = urlsplit(uri)
    if parts.password is None:
        return uri
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{parts.username}:***@{host}"))


def without_password(uri: str) -> str:
    """The address without user and password."""
    parts = urlsplit(uri)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def loopback(uri: str) -> bool:
    """Whether the address is this machine's own."""
    return urlsplit(uri).hostname in _LOOPBACK


def keep_proxies_away(uri: str) -> None:
    """Have HTTP clients of this process reach ``uri`` without a proxy, if it is on this machine."""
    if not loopback(uri):
        return
    for variable in ("NO_PROXY", "no_proxy"):
        named = [name for name in os.environ.get(variable, "").split(",") if name]
        if "*" not in named:
            missing = [host for host in _LOOPBACK if host not in named]
            os.environ[variable] = ",".join([*named, *missing])


def _opener(uri: str) -> urllib.request.OpenerDirector:
    handlers: list[urllib.request.BaseHandler] = []
    if loopback(uri):
        handlers.append(urllib.request.ProxyHandler({}))
    if uri.startswith("https"):
        handlers.append(urllib.request.HTTPSHandler(context=_tls()))
    return urllib.request.build_opener(*handlers)


def _tls() -> ssl.SSLContext:
    if os.environ.get("MLFLOW_TRACKING_INSECURE_TLS", "").lower() in ("true", "1"):
        return ssl._create_unverified_context()
    bundle = os.environ.get("MLFLOW_TRACKING_SERVER_CERT_PATH")
    context = ssl.create_default_context(
        cafile=bundle or os.environ.get("REQUESTS_CA_BUNDLE") or None
    )
    client = os.environ.get("MLFLOW_TRACKING_CLIENT_CERT_PATH")
    if client:
        context.load_cert_chain(client)
    return context


def _credentials(uri: str) -> dict[str, str]:
    parts = urlsplit(uri)
    user = os.environ.get("MLFLOW_TRACKING_USERNAME") or unquote(parts.username or "")
    password = os.environ.get("MLFLOW_TRACKING_PASSWORD") or unquote(parts.password or "")
    token = os.environ.get("MLFLOW_TRACKING_TOKEN", "")
    if user and password:
        word = base64.b64encode(f"{user}:{password}".encode()).decode()
        return {"Authorization": f"Basic {word}"}
    return {"Authorization": f"Bearer {token}"} if token else {}
