"""What each step of the pickle language does to the interpreter's stack, and nothing else."""

import pickle
from collections.abc import Callable
from struct import Struct
from typing import Any

from sslcl.data.reading.pickles._machine import (
    Machine,
    Name,
    NotPlainError,
    Unfinished,
    as_key,
    describe,
)

MAX_OPCODES = 100_000_000
MAX_INTEGER_BYTES = 16
MAX_MARKS = 1000
_CONTAINER, _SET = 64, 216
"""Bytes of memory that an empty one takes."""
_U1, _U2, _U4, _U8 = Struct("B"), Struct("<H"), Struct("<I"), Struct("<Q")
_I4, _F8 = Struct("<i"), Struct(">d")

_Step = Callable[[Machine], None]


def _push(read: Callable[[Machine], Any]) -> _Step:
    def step(m: Machine) -> None:
        value = read(m)  # which may put another stack in place
        m.stack.append(value)

    return step


def _container(make: Callable[[Machine], Any], cost: int = _CONTAINER) -> _Step:
    def step(m: Machine) -> None:
        m.spend(cost)
        made = make(m)
        m.stack.append(made)

    return step


def _drop(read: Callable[[Machine], Any]) -> _Step:
    def step(m: Machine) -> None:
        read(m)

    return step


def _sized(layout: Struct, decode: Callable[[bytes], Any]) -> _Step:
    return lambda m: m.stack.append(decode(m.take(m.number(layout))))


def _latin1(raw: bytes) -> str:
    return raw.decode("latin-1")  # Python 2 had one type for text and bytes: NumPy wrote both


def _utf8(raw: bytes) -> str:
    return raw.decode("utf-8")


def _quoted(m: Machine) -> str:
    raw = m.line()
    if len(raw) < 2 or raw[:1] not in (b"'", b'"') or raw[-1:] != raw[:1]:
        raise ValueError("text without quotes")
    return raw[1:-1].decode("unicode_escape") if b"\\" in raw else _latin1(raw[1:-1])


def _binary_integer(raw: bytes) -> int:
    if len(raw) > MAX_INTEGER_BYTES:
        raise NotPlainError(f"holds an integer of {len(raw):,} bytes")
    return int.from_bytes(raw, "little", signed=True)


def _integer(m: Machine) -> int | bool:
    raw = m.line()
    if raw in (b"00", b"01"):
        return raw == b"01"
    if len(raw) > 3 * MAX_INTEGER_BYTES:
        raise NotPlainError(f"holds an integer of {len(raw):,} digits")
    return int(raw.removesuffix(b"L"))


def _tuple(count: int) -> _Step:
    def step(m: Machine) -> None:
        if len(m.stack) < count:
            raise IndexError("the stack is too short")
        m.spend(_CONTAINER)
        items = tuple(m.stack[-count:])
        m.stack[-count:] = [items]

    return step


def _pairs(items: list[Any]) -> list[tuple[Any, Any]]:
    return [(as_key(k), v) for k, v in zip(items[::2], items[1::2], strict=True)]


def _target(m: Machine, kind: type) -> Any:
    if type(m.stack[-1]) is not kind:
        m.refuse(f"a change of {describe(m.stack[-1])}")
    return m.stack[-1]


def _append(m: Machine) -> None:
    item = m.stack.pop()
    _target(m, list).append(item)


def _appends(m: Machine) -> None:
    items = m.marked()
    _target(m, list).extend(items)


def _set_item(m: Machine) -> None:
    value, key = m.stack.pop(), m.stack.pop()
    _target(m, dict)[as_key(key)] = value


def _set_items(m: Machine) -> None:
    items = m.marked()
    _target(m, dict).update(_pairs(items))


def _add_items(m: Machine) -> None:
    items = m.marked()
    _target(m, set).update(as_key(item) for item in items)


def _call(m: Machine) -> None:
    arguments, what = m.stack.pop(), m.stack.pop()
    if type(what) is not Name or type(arguments) is not tuple:
        m.refuse(f"a call of {describe(what)}")
    made = what.call(*arguments)
    m.spend(_memory(made))
    m.stack.append(made)


def _memory(made: Any) -> int:
    """Bytes that a new object takes, about."""
    if isinstance(made, str | bytes | bytearray):
        return _CONTAINER + len(made)
    if isinstance(made, set | frozenset):
        return _SET * (1 + len(made) // 3)
    return _CONTAINER + int(getattr(made, "nbytes", 0))


def _build(m: Machine) -> None:
    state, what = m.stack.pop(), m.stack.pop()
    if type(what) is not Unfinished:
        m.refuse(f"a change of {describe(what)}")
    made = m.finish(what, state)
    m.spend(_memory(made))
    for place in what.places:
        m.memo[place] = made
    what.places.clear()
    m.stack.append(made)


def _stack_global(m: Machine) -> None:
    name, module = m.stack.pop(), m.stack.pop()
    m.mention(module, name)


def _global(m: Machine) -> None:
    m.mention(_latin1(m.line()), _latin1(m.line()))


def _instance(m: Machine) -> None:
    m.refuse(f"an object of {_latin1(m.line())}.{_latin1(m.line())}")


def _object(m: Machine) -> None:
    kinds = [item for item in m.stack if type(item) is Name]
    m.refuse(f"an object of {describe(kinds[-1])}" if kinds else "an object of some class")


def _asks(what: str) -> _Step:
    return lambda m: m.refuse(what)


def _mark(m: Machine) -> None:
    if len(m.below) >= MAX_MARKS:
        raise NotPlainError(f"begins more than {MAX_MARKS:,} containers within one another")
    m.below.append(m.stack)
    m.stack = []


def _pop(m: Machine) -> None:
    if m.stack:
        m.stack.pop()
    else:
        m.marked()


def _protocol(m: Machine) -> None:
    number = m.number(_U1)
    if number > pickle.HIGHEST_PROTOCOL:
        raise NotPlainError(f"is a pickle of the unknown protocol {number}")


_STOP = pickle.STOP[0]
_BY_NAME: dict[bytes, _Step] = {
    pickle.PROTO: _protocol,
    pickle.FRAME: _drop(lambda m: m.number(_U8)),
    pickle.MARK: _mark,
    pickle.POP: _pop,
    pickle.POP_MARK: _drop(Machine.marked),
    pickle.DUP: lambda m: m.stack.append(m.stack[-1]),
    pickle.NONE: _push(lambda m: None),
    pickle.NEWTRUE: _push(lambda m: True),
    pickle.NEWFALSE: _push(lambda m: False),
    pickle.INT: _push(_integer),
    pickle.LONG: _push(_integer),
    pickle.BININT: _push(lambda m: m.number(_I4)),
    pickle.BININT1: _push(lambda m: m.number(_U1)),
    pickle.BININT2: _push(lambda m: m.number(_U2)),
    pickle.LONG1: _sized(_U1, _binary_integer),
    pickle.LONG4: _sized(_I4, _binary_integer),
    pickle.FLOAT: _push(lambda m: float(m.line())),
    pickle.BINFLOAT: _push(lambda m: m.number(_F8)),
    pickle.STRING: _push(_quoted),
    pickle.BINSTRING: _sized(_I4, _latin1),
    pickle.SHORT_BINSTRING: _sized(_U1, _latin1),
    pickle.BINBYTES: _sized(_U4, bytes),
    pickle.SHORT_BINBYTES: _sized(_U1, bytes),
    pickle.BINBYTES8: _sized(_U8, bytes),
    pickle.BYTEARRAY8: _sized(_U8, bytearray),
    pickle.UNICODE: _push(lambda m: m.line().decode("raw_unicode_escape")),
    pickle.BINUNICODE: _sized(_U4, _utf8),
    pickle.SHORT_BINUNICODE: _sized(_U1, _utf8),
    pickle.BINUNICODE8: _sized(_U8, _utf8),
    pickle.EMPTY_LIST: _container(lambda m: []),
    pickle.EMPTY_TUPLE: _push(lambda m: ()),
    pickle.EMPTY_DICT: _container(lambda m: {}),
    pickle.EMPTY_SET: _container(lambda m: set(), _SET),
    pickle.LIST: _container(lambda m: m.marked()),
    pickle.TUPLE: _container(lambda m: tuple(m.marked())),
    pickle.DICT: _container(lambda m: dict(_pairs(m.marked()))),
    pickle.FROZENSET: _container(lambda m: frozenset(map(as_key, m.marked())), _SET),
    pickle.TUPLE1: _tuple(1),
    pickle.TUPLE2: _tuple(2),
    pickle.TUPLE3: _tuple(3),
    pickle.APPEND: _append,
    pickle.APPENDS: _appends,
    pickle.SETITEM: _set_item,
    pickle.SETITEMS: _set_items,
    pickle.ADDITEMS: _add_items,
    pickle.GET: _push(lambda m: m.memo[int(m.line())]),
    pickle.BINGET: _push(lambda m: m.memo[m.number(_U1)]),
    pickle.LONG_BINGET: _push(lambda m: m.memo[m.number(_U4)]),
    pickle.PUT: lambda m: m.remember(int(m.line())),
    pickle.BINPUT: lambda m: m.remember(m.number(_U1)),
    pickle.LONG_BINPUT: lambda m: m.remember(m.number(_U4)),
    pickle.MEMOIZE: lambda m: m.remember(len(m.memo)),
    pickle.GLOBAL: _global,
    pickle.STACK_GLOBAL: _stack_global,
    pickle.REDUCE: _call,
    pickle.BUILD: _build,
    pickle.INST: _instance,
    pickle.OBJ: _object,
    pickle.NEWOBJ: _object,
    pickle.NEWOBJ_EX: _object,
    pickle.PERSID: _asks("an object kept elsewhere (persistent id)"),
    pickle.BINPERSID: _asks("an object kept elsewhere (persistent id)"),
    pickle.EXT1: _asks("an object by extension code"),
    pickle.EXT2: _asks("an object by extension code"),
    pickle.EXT4: _asks("an object by extension code"),
    pickle.NEXT_BUFFER: _asks("a buffer outside the file"),
    pickle.READONLY_BUFFER: _asks("a buffer outside the file"),
}
_STEPS = {name[0]: step for name, step in _BY_NAME.items()}


def run(m: Machine) -> Any:
    """The object the pickle describes; the machine's position is then behind its end.

    Raises:
        NotPlainError: when it asks for anything but plain data.
        LookupError, TypeError, ValueError, struct.error: when it is damaged.
    """
    data, end, steps = m.data, m.end, _STEPS
    for _ in range(MAX_OPCODES):
        if m.position >= end:
            raise NotPlainError("ends before the pickle is complete")
        code = data[m.position]
        m.position += 1
        if code == _STOP:
            return m.stack.pop()
        step = steps.get(code)
        if step is None:
            raise NotPlainError(f"is not a pickle: byte {m.position - 1} is {code:#04x}")
        step(m)
    raise NotPlainError(f"has more than {MAX_OPCODES:,} steps")
