"""What every command line of the project shares: errors in one line, exit codes, options."""

import codecs
import importlib
import io
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import click

from sslcl import end_quietly
from sslcl.errors import InputError
from sslcl.registry.plugins import load

BAD_INPUT = 2
"""Exit code of a command that a person has to call differently."""
INTERRUPTED = 130
"""Exit code after Ctrl-C."""
DATA_DIR_VARIABLE = "SSLCL_DATA"
"""Environment variable that names the data folder where no argument does."""

data_dir_option = click.option(
    "--data-dir",
    type=click.Path(path_type=Path),
    envvar=DATA_DIR_VARIABLE,
    help=f"Folder that holds the datasets' folders [env: {DATA_DIR_VARIABLE}].",
)


def _load_plugins(context: click.Context, option: click.Parameter, paths: Sequence[Path]) -> None:
    del context, option
    load(paths)


plugin_option = click.option(
    "--plugin",
    type=click.Path(path_type=Path),
    multiple=True,
    expose_value=False,
    is_eager=True,
    callback=_load_plugins,
    metavar="FILE.py",
    help="Components in a file of your own; may be repeated [env: SSLCL_PLUGINS].",
)
"""Loads plugin files before anything else is read; the command's function does not see it."""


_PLAIN = {
    "±": "+-",
    "×": "x",
    "−": "-",
    "–": "-",
    "—": "-",
    "…": "...",
    "†": "+",
    "≥": ">=",
    "≤": "<=",
    "α": "alpha",
    "β": "beta",
    "γ": "gamma",
    "’": "'",
}


def _plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    return "".join(_PLAIN.get(sign, "?") for sign in text), error.end


def speak_plainly() -> None:
    """Print what an output's encoding lacks in signs that it has, instead of failing.

    Terminals and logs of clusters are often ASCII or Latin-1.
    """
    codecs.register_error("sslcl_plain", _plain)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="sslcl_plain")


class _OneLine(click.Command):
    """Tells a mistaken command line, and any :class:`InputError`, in one line with exit code 2.

    A command's function may return its exit code.
    """

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Click's entry point."""
        speak_plainly()
        if signal.getsignal(signal.SIGINT) is end_quietly:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        if not standalone_mode:
            return super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
        try:
            code = super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
        except click.ClickException as error:
            fail(error.format_message())
        except InputError as error:
            fail(str(error))
        except (KeyboardInterrupt, click.Abort):
            sys.exit(INTERRUPTED)
        sys.exit(code if isinstance(code, int) else 0)


class OneLineCommand(_OneLine):
    """A command whose errors are one line."""

    def __init__(self, *args: Any, **extra: Any) -> None:
        extra.setdefault("context_settings", {"help_option_names": ["-h", "--help"]})
        super().__init__(*args, **extra)


class OneLineGroup(_OneLine, click.Group):
    """A group of commands whose errors are one line."""

    command_class = OneLineCommand

    def __init__(self, *args: Any, **extra: Any) -> None:
        extra.setdefault("context_settings", {"help_option_names": ["-h", "--help"]})
        super().__init__(*args, **extra)


class LazyCommand(NamedTuple):
    """A command of a :class:`LazyGroup`.

    Args:
        module: dotted name; it holds the command as ``main``.
        help: one line for the group's own help.
    """

    module: str
    help: str


class LazyGroup(OneLineGroup):
    """A group that imports a command only when it is called, so that help is quick.

    Args:
        lazy: the commands by name.
    """

    def __init__(self, *args: Any, lazy: Mapping[str, LazyCommand], **extra: Any) -> None:
        super().__init__(*args, **extra)
        self._lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Click's hook: the names."""
        del ctx
        return list(self._lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Click's hook: the command of a name."""
        del ctx
        if cmd_name not in self._lazy:
            return None
        command: click.Command = importlib.import_module(self._lazy[cmd_name].module).main
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Click's hook: the list of commands in the help, without importing them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.help) for name, command in self._lazy.items()])


def fail(message: str) -> NoReturn:
    """Say what is wrong in one line and end with exit code 2."""
    click.echo(f"error: {' '.join(message.split())}", err=True)
    sys.exit(BAD_INPUT)


def warn(message: str) -> None:
    """Say something that a person should know of a run that goes on, in one line."""
    click.echo(f"warning: {' '.join(message.split())}", err=True)


def run(command: click.Command, arguments: Sequence[str]) -> int:
    """Call a command as the shell would and return its exit code."""
    try:
        command.main(args=list(arguments))
    except SystemExit as end:
        return int(end.code or 0)
    return 0
