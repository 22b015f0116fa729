"""Writes the reference pages from the code: ``python docs/site/reference.py``.

``docs/study-file.md`` has every key of a study file with its default, ``docs/commands.md`` the help
of every command. A test holds them to what the code says.
"""

import ast
import importlib
import inspect
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from click.testing import CliRunner
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

import study.__main__ as study
import tracking.__main__ as tracking

DOCS = Path(__file__).resolve().parents[1]
COMMANDS = (
    *(command.module for command in study.COMMANDS.values()),
    "sslcl.data",
    *(command.module for command in tracking.COMMANDS.values()),
)
_WIDTH = 100
_ROLE = re.compile(r":[a-z]+:`~?(?:[\w.]*\.)?(\w+)`")
_WRITTEN = "<!-- Written by python docs/site/reference.py; do not edit. -->"


def study_file() -> str:
    """The page of the keys of a study file."""
    from search_spaces.factors import Categorical, Float, Integer
    from search_spaces.retune import Retune
    from search_spaces.schema import (
        Ablate,
        Budget,
        Confirm,
        Question,
        Report,
        Resources,
        Search,
        Study,
    )
    from search_spaces.seeds import SeedLooks
    from sslcl.config import TrialConfig

    parts = [
        ("The study", Study),
        ("`factors.NAME`: a list of levels, or one of named levels", Categorical),
        ("`factors.NAME`: a whole number", Integer),
        ("`factors.NAME`: a real number", Float),
        ("`search`", Search),
        ("`confirm`", Confirm),
        ("`ablate`", Ablate),
        ("`ablate.seeds`, where it is no number", SeedLooks),
        ("`ablate.retune`, where it is no list", Retune),
        ("`questions.NAME`", Question),
        ("`report`", Report),
        ("`resources`", Resources),
        ("`budget`", Budget),
        ("Fields of a trial, for `base` and `factors`", TrialConfig),
    ]
    lines = [
        "# The study file",
        "",
        _WRITTEN,
        "",
        "Every key with its default; a key without one must be given. How to write a study is in",
        "the [README](../README.md#write-a-study), what designs and statistics do in",
        "[designs-and-statistics.md](designs-and-statistics.md).",
    ]
    for title, model in parts:
        lines += ["", f"## {title}", "", _escape(_first(model)), ""]
        lines += ["| key | default | meaning |", "|---|---|---|", *_rows(model)]
    return "\n".join(lines) + "\n"


def _rows(model: type[BaseModel]) -> Iterator[str]:
    meanings = _meanings(model)
    for name, field in model.model_fields.items():
        if field.exclude:
            continue
        key = field.alias or name
        yield f"| `{key}` | {_default(field)} | {_escape(meanings.get(name, ''))} |"


def _default(field: Any) -> str:
    if field.default_factory_takes_validated_data:
        return "see right"
    if field.default_factory is not None:
        return f"`{_yaml(field.default_factory())}`"
    if field.default is PydanticUndefined:
        return ""
    return f"`{_yaml(field.default)}`"


def _yaml(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, BaseModel):
        return "{}"
    if value == "":
        return '""'
    if isinstance(value, tuple):
        return f"[{', '.join(map(_yaml, value))}]"
    return str(value)


def _meanings(model: type[BaseModel]) -> dict[str, str]:
    """The strings below the fields of a model and of what it inherits from."""
    texts: dict[str, str] = {}
    for cls in reversed(model.__mro__):
        if cls is BaseModel or not issubclass(cls, BaseModel):
            continue
        (tree,) = ast.parse(inspect.getsource(cls)).body
        assert isinstance(tree, ast.ClassDef)
        for field, below in zip(tree.body, tree.body[1:], strict=False):
            if not (isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)):
                continue
            if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
                texts[field.target.id] = " ".join(str(below.value.value).split())
    return texts


def _first(model: type[BaseModel]) -> str:
    """The first paragraph of what a class says of itself."""
    return " ".join(inspect.cleandoc(model.__doc__ or "").split("\n\n")[0].split())


def _escape(text: str) -> str:
    text = _ROLE.sub(r"`\1`", text)
    return text.replace("``", "`").replace("|", "\\|")


def commands() -> str:
    """The page of the help of every command."""
    lines = [
        "# Commands",
        "",
        _WRITTEN,
        "",
        "Exit codes: 0 done, 1 some trials failed, 2 bad input, 130 stopped by Ctrl-C.",
    ]
    for module in COMMANDS:
        command = _command(module)
        lines += _help(command, f"python -m {module}")
        if isinstance(command, click.Group):
            context = click.Context(command, info_name=module)
            for name in command.list_commands(context):
                inner = command.get_command(context, name)
                assert inner is not None
                lines += _help(inner, f"python -m {module} {name}")
    return "\n".join(lines) + "\n"


def _command(module: str) -> click.Command:
    package = importlib.import_module(module)
    if hasattr(package, "__path__"):
        package = importlib.import_module(f"{module}.__main__")
    command = package.main
    assert isinstance(command, click.Command)
    return command


def _help(command: click.Command, name: str) -> list[str]:
    runner = CliRunner()
    result = runner.invoke(command, ["--help"], prog_name=name, terminal_width=_WIDTH)
    return ["", f"## `{name}`", "", "```text", result.output.strip(), "```"]


PAGES = {"study-file.md": study_file, "commands.md": commands}


def main() -> None:
    """Write all pages."""
    for name, make in PAGES.items():
        (DOCS / name).write_text(make(), encoding="utf-8")


if __name__ == "__main__":
    os.environ["COLUMNS"] = str(_WIDTH)
    main()
