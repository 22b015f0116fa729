"""Changes that people, programs and disks make to files and command lines, drawn by Hypothesis."""

import contextlib
import copy
import io
from collections.abc import Callable, Sequence
from typing import Any

import click
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from sslcl.command import run

EXAMPLES = settings().max_examples // 4
"""25 of each kind, or 2,500 with ``--hypothesis-profile full``."""
FUZZED = settings(
    deadline=None,
    max_examples=EXAMPLES,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)

ODD: tuple[Any, ...] = (
    None, True, 0, -1, 1, 2, 10**9, 2**63, 10**400, -0.0, 0.5, 1e308, float("inf"), float("nan"),
    "", " ", "\x00", "none", "auto", "1e-3", "[/red]", "../..", "%s{}", "é", "🙂", "a" * 300, [],
    [[]], {}, [None], [1, "a", None], {"a": 1}, {"low": 1, "high": 0}, {"levels": []},
    ["cosine", "cosine"],
)  # fmt: skip
"""Values that stand where others are expected."""
# Copied, since a later change may be made inside one that is a list or a mapping.
odd = st.sampled_from(ODD).map(copy.deepcopy) | st.integers() | st.floats() | st.text(max_size=8)


def call(command: click.Command, words: Sequence[str]) -> tuple[int, str]:
    """Exit code and error text of a command; what it raises is raised."""
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        code = run(command, words)
    return code, said.getvalue()


def assert_told(command: click.Command, words: Sequence[str]) -> int:
    """Exit code 0 or 2; with 2 the last line says what is wrong, and none is a traceback."""
    code, said = call(command, words)
    assert code in (0, 2), (code, said)
    assert "Traceback" not in said
    if code == 2:
        last = said.splitlines()[-1]
        assert last.startswith("error: ")
        assert len(last) > len("error: ")
    return code


@st.composite
def changed_values(draw: st.DrawFn, whole: Any) -> Any:
    """Nested values with one to three places changed, removed, renamed or repeated."""
    values = copy.deepcopy(whole)
    for _ in range(draw(st.integers(1, 3))):
        place = _place(draw, values)
        if place is None:
            return draw(odd)
        parent, key = place
        draw(st.sampled_from(_CHANGES))(draw, parent, key)
    return values


def _place(draw: st.DrawFn, values: Any) -> tuple[Any, Any] | None:
    places: list[tuple[Any, Any]] = []
    waiting = [values]
    while waiting:
        value = waiting.pop()
        keys = list(value) if isinstance(value, dict) else range(len(value))
        for key in keys if isinstance(value, dict | list) else ():
            places.append((value, key))
            if isinstance(value[key], dict | list):
                waiting.append(value[key])
    return draw(st.sampled_from(places)) if places else None


def _replace(draw: st.DrawFn, parent: Any, key: Any) -> None:
    parent[key] = draw(odd)


def _remove(_draw: st.DrawFn, parent: Any, key: Any) -> None:
    del parent[key]


def _rename(draw: st.DrawFn, parent: Any, key: Any) -> None:
    if isinstance(parent, dict):
        parent[draw(st.text(max_size=5) | st.just(f"{key}s") | st.integers())] = parent.pop(key)


def _wrap(draw: st.DrawFn, parent: Any, key: Any) -> None:
    parent[key] = draw(
        st.sampled_from([[parent[key]], {"levels": parent[key]}, {"x": parent[key]}])
    )


def _repeat(_draw: st.DrawFn, parent: Any, key: Any) -> None:
    if isinstance(parent, list):
        parent.append(copy.deepcopy(parent[key]))


_CHANGES: tuple[Callable[[st.DrawFn, Any, Any], None], ...] = (
    _replace, _replace, _remove, _rename, _wrap, _repeat,
)  # fmt: skip


@st.composite
def changed_bytes(draw: st.DrawFn, whole: bytes) -> bytes:
    """Bytes cut short, with some replaced, or with something put in between."""
    content = bytearray(whole)
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, max(len(content) - 1, 0)))
        match draw(st.sampled_from(["cut", "replace", "insert", "remove", "repeat"])):
            case "cut":
                content = content[:place]
            case "replace" if content:
                content[place] = draw(st.integers(0, 255))
            case "insert":
                content[place:place] = draw(st.binary(max_size=8) | st.sampled_from(_SNIPPETS))
            case "remove":
                del content[place : place + draw(st.integers(1, 30))]
            case _:
                content[place:place] = content[place : place + draw(st.integers(1, 60))]
    return bytes(content)


_SNIPPETS = (
    b"\n", b"\r\n", b"\t", b",", b'"', b"'", b": ", b"- ", b"&a ", b"*a", b"!!python/object:x",
    b"\x00", b"\xff\xfe", b"{", b"}", b"[", b"]", b"nan", b"inf", b"1e999", b"\xf0\x9f\x99\x82",
)  # fmt: skip
