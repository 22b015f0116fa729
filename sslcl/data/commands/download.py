"""Downloads that resume, are checked, and never leave half a file under its final name."""

import hashlib
import http.client
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from sslcl.data.published.record import CorpusRecord, RemoteFile
from sslcl.errors import InputError

GITHUB = "https://raw.githubusercontent.com"
ATTEMPTS = 5
"""In a row that bring nothing new before a download is given up."""
_CHUNK = 1 << 16
_TIMEOUT_S = 30.0
_LONGEST_PAUSE_S = 30.0
_TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Answers of a server that may be another a moment later."""

Advance = Callable[[str, int], None]
"""Called with a file's path and how many of its bytes are here."""


def fetch(
    record: CorpusRecord,
    folder: Path,
    base_url: str = GITHUB,
    pause_s: float = 1.0,
    advance: Advance = lambda path, here: None,
) -> tuple[Path, ...]:
    """Download the files of ``record`` that ``folder`` does not hold yet.

    What is downloaded grows under a name that ends in ``.part``, which a later call goes on with,
    and takes its own name once its SHA-256 is right. Failures that may pass are tried again after
    1, 2, 4, ... times ``pause_s`` seconds.

    Args:
        record: with files.
        folder: the corpus's own.
        base_url: what stands before the repository's name in each address.
        pause_s: seconds before the second attempt.
        advance: told of progress.

    Returns:
        The files that were downloaded, without those that were there.

    Raises:
        InputError: one line when a file that is there, or a download, is not the published one,
            when the server does not have it, or after :data:`ATTEMPTS` failures in a row.
    """
    fetched = []
    for file in record.files:
        target = folder / file.path
        if target.exists():
            _refuse_other(target, file)
        else:
            url = f"{base_url}/{record.root}/{file.path}"
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                _download(url, file, target, pause_s, advance)
            except OSError as error:
                raise InputError(f"{target} cannot be written: {error}") from None
            fetched.append(target)
        advance(file.path, file.size)
    return tuple(fetched)


def sha256(path: Path) -> str:
    """SHA-256 of a file's content, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class _TransientError(Exception):
    """A failure that may pass."""


def _transient(reason: object) -> _TransientError:
    return _TransientError(" ".join(str(reason).split()) or type(reason).__name__)


def _refuse_other(target: Path, file: RemoteFile) -> None:
    if not target.is_file() or sha256(target) != file.sha256:
        raise InputError(
            f"{target} is there but is not the published file: move it away to fetch it"
        )


def _download(url: str, file: RemoteFile, target: Path, pause_s: float, advance: Advance) -> None:
    part = target.with_name(f"{target.name}.part")
    resumed = _size(part) > 0
    _complete(url, file, part, pause_s, advance)
    if resumed and sha256(part) != file.sha256:
        # What an earlier call left was of something else: once more, from the start.
        part.unlink()
        _complete(url, file, part, pause_s, advance)
    found = sha256(part)
    if found != file.sha256:
        part.unlink()
        raise InputError(f"{url} has SHA-256 {found}, expected {file.sha256}: not kept")
    part.replace(target)


def _complete(url: str, file: RemoteFile, part: Path, pause_s: float, advance: Advance) -> None:
    """Let ``part`` grow to the size of the file, however often the connection breaks."""
    failures, longest = 0, _size(part)
    while _size(part) < file.size:
        try:
            _receive(url, file, part, advance)
        except _TransientError as error:
            failures = 0 if _size(part) > longest else failures + 1
            longest = max(longest, _size(part))
            if failures >= ATTEMPTS:
                raise InputError(f"{url} cannot be fetched: {error}; run it again later") from None
            time.sleep(min(pause_s * 2 ** max(failures - 1, 0), _LONGEST_PAUSE_S))


def _receive(url: str, file: RemoteFile, part: Path, advance: Advance) -> None:
    """One request, for what ``part`` lacks; a server that sends all from the start may."""
    here = _size(part)
    request = urllib.request.Request(url, headers={"Range": f"bytes={here}-"} if here else {})
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:
            goes_on = answer.status == 206 and _starts_at(answer, here)
            start = here if goes_on else 0
            _refuse_other_size(url, answer, start, file.size)
            _append(answer, file, part, start, advance)
    except urllib.error.HTTPError as error:
        if error.code == 416:
            part.unlink(missing_ok=True)  # Longer than the server's file: not a beginning of it.
            raise _TransientError("the server has fewer bytes than are here") from None
        if error.code in _TRANSIENT:
            raise _TransientError(f"the server says {error.code} {error.reason}") from None
        raise InputError(f"{url}: the server says {error.code} {error.reason}") from None
    except urllib.error.URLError as error:
        raise _transient(error.reason) from None
    except (http.client.HTTPException, ConnectionError, TimeoutError, ssl.SSLError) as error:
        raise _transient(error) from None


def _starts_at(answer: http.client.HTTPResponse, byte: int) -> bool:
    return (answer.getheader("Content-Range") or "").startswith(f"bytes {byte}-")


def _refuse_other_size(
    url: str, answer: http.client.HTTPResponse, start: int, expected: int
) -> None:
    if answer.length is not None and start + answer.length != expected:
        raise InputError(f"{url} has {start + answer.length} bytes, expected {expected}")


def _append(
    answer: http.client.HTTPResponse, file: RemoteFile, part: Path, here: int, advance: Advance
) -> None:
    with part.open("r+b" if here else "wb") as out:
        out.seek(here)
        while here < file.size and (chunk := _read(answer, file.size - here)):
            out.write(chunk)
            here += len(chunk)
            advance(file.path, here)
    if here < file.size:
        raise _TransientError(f"the connection ended after {here} of {file.size} bytes")


def _read(answer: http.client.HTTPResponse, most: int) -> bytes:
    """The next bytes; apart from writing, because only what fails here may pass."""
    try:
        return answer.read(min(_CHUNK, most))
    except (OSError, http.client.HTTPException) as error:
        raise _transient(error) from None


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
