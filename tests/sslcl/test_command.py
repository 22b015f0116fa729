"""Command lines answer mistakes in one line, with exit code 2."""

import click
import pytest
from click.testing import CliRunner

from sslcl.command import OneLineCommand, OneLineGroup, run
from sslcl.errors import InputError


@click.command(cls=OneLineCommand)
@click.option("--number", type=int, default=0)
@click.argument("name")
def greet(number: int, name: str) -> int:
    """Greet NAME."""
    if name == "nobody":
        raise InputError("unknown name 'nobody':\n did you mean 'somebody'?")
    if name == "stopped":
        raise KeyboardInterrupt
    return number


@click.group(cls=OneLineGroup)
def group() -> None:
    """Commands."""


@group.command(name="inner")
@click.option("--number", type=int, required=True)
def inner(number: int) -> int:
    """Do it."""
    return number


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["ann"], 0, ""),
        (["ann", "--number", "1"], 1, ""),
        (["ann", "--number", "x"], 2, "error: Invalid value for '--number': 'x'"),
        ([], 2, "error: Missing argument 'NAME'."),
        (["ann", "--numbr", "1"], 2, "error: No such option '--numbr'"),
        (["nobody"], 2, "error: unknown name 'nobody': did you mean 'somebody'?"),
        (["stopped"], 130, ""),
    ],
)
def test_a_command_tells_what_is_wrong_in_one_line(words: list[str], code: int, said: str) -> None:
    done = CliRunner().invoke(greet, words)
    assert done.exit_code == code
    assert done.stderr.startswith(said)
    assert "\n" not in done.stderr.strip("\n")
    assert run(greet, words) == code


def test_a_group_does_so_for_its_commands() -> None:
    assert CliRunner().invoke(group, ["inner", "--number", "3"]).exit_code == 3
    for words in (["inner"], ["inner", "--number", "x"], ["other"], ["--strange"]):
        done = CliRunner().invoke(group, words)
        assert done.exit_code == 2
        assert done.stderr.count("\n") == 1
        assert done.stderr.startswith("error: ")
