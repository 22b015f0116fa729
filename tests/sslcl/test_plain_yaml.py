import pytest

from sslcl.errors import InputError
from sslcl.plain_yaml import MOST_LEVELS, as_yaml, parse_yaml


def test_plain_values_and_numbers_without_a_dot() -> None:
    assert parse_yaml("{a: 1e-3, b: [x, 2]}", "f") == {"a": 1e-3, "b": ["x", 2]}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: 1\na: 2", "f, line 2, column 1: not valid YAML: the key 'a' is given twice"),
        ("[" * 60, f"more than {MOST_LEVELS} levels deep"),
        ("x: " + "y" * 1_000_001, "expected at most 1000000"),
        ("a: &a [*a]", "more than 100000 values"),
        ("!!python/object:os.system {}", "not valid YAML"),
        ("a: [1, 2", "not valid YAML"),
        ("\x00", "not valid YAML"),
    ],
)
def test_mistakes_and_attacks_are_refused_in_one_line(text: str, says: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_yaml(text, "f")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_aliases_that_multiply_are_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(InputError, match="aliases counted each time"):
        parse_yaml("\n".join(lines), "bomb")


@pytest.mark.parametrize("text", ["0E0", "1e3", "-2E+5", "1.e3", "yes", "12", "~"])
def test_what_is_written_as_text_is_read_as_text(text: str) -> None:
    assert parse_yaml(as_yaml({"a": text}), "f") == {"a": text}
