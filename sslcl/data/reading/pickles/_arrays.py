"""NumPy arrays and torch tensors out of a pickle's own words for them, every claim checked."""

import io
import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sslcl.data.reading.pickles._machine import (
    NotPlainError,
    Unfinished,
    as_key,
    describe,
    printable,
)

_DTYPE = re.compile(r"b1|[iu][1248]|f[248]|c8|c16|[SU][1-9]\d{0,5}|O[48]")
_MAX_SIDES = 8
_EMPTY_SIDE = 1 << 20
"""No side of an array is longer than this or its number of values: who loops over one must end."""
_STORAGE_START = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
"""How torch begins the content of a tensor in a pickle: its magic number, pickled."""
_ARRAY, _DTYPE_NAME, _HOOKS = "numpy.ndarray", "numpy.dtype", "collections.OrderedDict"


def _shown(value: Any) -> str:
    """A value in an error; never the text of a container, which may be endless."""
    return printable(str(value)) if type(value) in (str, int) else describe(value)


def _raw(value: Any) -> bytes:
    if isinstance(value, str):
        return value.encode("latin-1")  # Python 2 wrote bytes as text
    if not isinstance(value, bytes | bytearray):
        raise NotPlainError(f"gives an array {describe(value)} as its content")
    return bytes(value)


def _new_dtype(code: Any, *flags: Any) -> Unfinished:
    if type(code) is not str or not _DTYPE.fullmatch(code):
        raise NotPlainError(f"asks for an array of type {_shown(code)}")
    return Unfinished(_DTYPE_NAME, (code,))


def _finish_dtype(code: str, state: Any) -> np.dtype[Any]:
    _, order, *structure = state
    size, *_ = structure[3:]
    if order not in ("<", ">", "|", "=") or any(part is not None for part in structure[:3]):
        raise NotPlainError(f"asks for an array of a composite type '{code}'")
    made: np.dtype[Any] = np.dtype("O" if code[0] == "O" else code).newbyteorder(order)
    if size not in (-1, made.itemsize):
        raise NotPlainError(f"claims {_shown(size)} bytes for each value of type '{code}'")
    return made


def _checked_shape(shape: Any, room: int) -> tuple[int, ...]:
    sizes: tuple[Any, ...] = shape if isinstance(shape, tuple) else (shape,)
    if len(sizes) > _MAX_SIDES or any(type(n) is not int or n < 0 for n in sizes):
        raise NotPlainError("holds an array without a proper shape")
    if math.prod(sizes) != room or max(sizes, default=0) > max(room, _EMPTY_SIDE):
        raise NotPlainError(
            f"holds an array that claims the shape {printable(str(sizes))} for {room:,} values"
        )
    return sizes


def _code_points(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return np.dtype("u4").newbyteorder(dtype.byteorder)


def _array(shape: Any, dtype: Any, content: Any, order: str) -> NDArray[Any]:
    if not isinstance(dtype, np.dtype):
        raise NotPlainError(f"gives an array {describe(dtype)} as its type")
    if dtype.hasobject:
        if type(content) is not list:
            raise NotPlainError("gives an array of objects no list of them")
        flat = np.empty(len(content), dtype=object)
        for index, item in enumerate(content):
            flat[index] = item
    else:
        raw = _raw(content)
        if len(raw) % dtype.itemsize:
            raise NotPlainError(f"gives an array {len(raw):,} bytes for values of type '{dtype}'")
        flat = np.frombuffer(raw, dtype).copy() if raw else np.empty(0, dtype)
        if dtype.kind == "U" and raw and np.frombuffer(raw, _code_points(dtype)).max() > 0x10FFFF:
            raise NotPlainError("holds an array of text with characters that do not exist")
    sizes = _checked_shape(shape, flat.size)
    return flat.reshape(sizes, order="F" if order == "F" else "C")


def _reconstruct(kind: Any, *_: Any) -> Unfinished:
    if describe(kind) != _ARRAY:
        raise NotPlainError(f"asks for an array of the class {describe(kind)}")
    return Unfinished(_ARRAY)


def _from_buffer(content: Any, dtype: Any, shape: Any, order: Any, *_: Any) -> NDArray[Any]:
    return _array(shape, dtype, content, order)


def _scalar(dtype: Any, content: Any) -> Any:
    if isinstance(dtype, np.dtype) and dtype.hasobject:
        raise NotPlainError("asks for a NumPy scalar of objects")
    return _array((1,), dtype, content, "C")[0]


def _encode(text: Any, encoding: Any) -> bytes:
    if type(text) is not str or encoding not in ("latin1", "latin-1"):
        raise NotPlainError(f"asks for the encoding {_shown(encoding)}")
    return text.encode("latin-1")


def _collection(kind: Callable[[Any], Any]) -> Callable[..., Any]:
    def make(items: Any = ()) -> Any:
        if type(items) not in (list, tuple):
            raise NotPlainError(f"asks for a set of {describe(items)}")
        return kind(map(as_key, items))

    return make


def _bytes(*arguments: Any) -> bytes:
    if arguments:
        raise NotPlainError("asks for builtins.bytes of something")
    return b""


def _byte_array(content: Any = b"", encoding: Any = "latin-1") -> bytearray:
    return bytearray(content if type(content) is bytes else _encode(content, encoding))


def _complex(real: Any, imaginary: Any) -> complex:
    if type(real) is not float or type(imaginary) is not float:
        raise NotPlainError("asks for builtins.complex of something")
    return complex(real, imaginary)


def _storage(content: Any) -> torch.Tensor:
    if type(content) is not bytes or not content.startswith(_STORAGE_START):
        raise NotPlainError("gives a tensor something as its content that torch did not write")
    try:
        found = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # whatever torch makes of a stranger's bytes
        reason = printable((str(error).splitlines() or [type(error).__name__])[0])
        raise NotPlainError(f"holds a tensor that torch refuses: {reason}") from None
    if not isinstance(found, torch.TypedStorage):
        raise NotPlainError("holds a tensor whose content is no torch storage")
    return torch.tensor([], dtype=found.dtype).set_(found)


def _tensor(flat: Any, offset: Any, size: Any, stride: Any, *_: Any) -> torch.Tensor:
    if not isinstance(flat, torch.Tensor) or flat.ndim != 1:
        raise NotPlainError(f"gives a tensor {describe(flat)} as its content")
    numbers = (offset, *size, *stride)
    whole = all(type(n) is int and n >= 0 for n in numbers)
    whole = whole and len(size) == len(stride) <= _MAX_SIDES
    if (
        not whole
        or math.prod(size) > len(flat)
        or max(size, default=0) > max(len(flat), _EMPTY_SIDE)
    ):
        raise NotPlainError("holds a tensor that claims more values than there are")
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if math.prod(size) and last >= len(flat):
        raise NotPlainError("holds a tensor that claims values behind its end")
    return torch.as_strided(flat, size, stride, offset).clone()


def _hooks(*arguments: Any) -> Unfinished:
    return Unfinished(_HOOKS)  # stands only as the empty hooks of a tensor


def _never(name: str) -> Callable[..., Any]:
    def call(*_: Any) -> Any:
        raise NotPlainError(f"asks for a call of {name}")

    return call


NAMES: dict[tuple[str, str], Callable[..., Any]] = {
    ("numpy", "dtype"): _new_dtype,
    ("numpy", "ndarray"): _never(_ARRAY),
    ("_codecs", "encode"): _encode,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch.storage", "_load_from_bytes"): _storage,
    ("collections", "OrderedDict"): _hooks,
}
for _core in ("numpy.core", "numpy._core"):
    NAMES[f"{_core}.multiarray", "_reconstruct"] = _reconstruct
    NAMES[f"{_core}.multiarray", "scalar"] = _scalar
    NAMES[f"{_core}.numeric", "_frombuffer"] = _from_buffer
for _builtins in ("builtins", "__builtin__"):
    NAMES[_builtins, "set"] = _collection(set)
    NAMES[_builtins, "frozenset"] = _collection(frozenset)
    NAMES[_builtins, "bytes"] = _bytes
    NAMES[_builtins, "bytearray"] = _byte_array
    NAMES[_builtins, "complex"] = _complex


def finish(what: Unfinished, state: Any) -> Any:
    """The array or array type that ``what`` becomes with ``state``."""
    if what.name not in (_ARRAY, _DTYPE_NAME) or type(state) is not tuple:
        raise NotPlainError(f"asks to change {what.name}")
    if what.name == _DTYPE_NAME:
        return _finish_dtype(what.parts[0], state)
    shape, dtype, fortran, content = state[-4:]
    return _array(shape, dtype, content, "F" if fortran else "C")
