"""``python -m sslcl.data convert SOURCE TARGET``."""

from pathlib import Path
from shlex import quote

import click

from sslcl.command import OneLineCommand, plugin_option
from sslcl.data.corpus import Corpus
from sslcl.data.features.text import with_text
from sslcl.data.formats import recognise
from sslcl.data.formats.own.writer import write_corpus
from sslcl.errors import InputError


@click.command("convert", cls=OneLineCommand)
@plugin_option
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("target", type=click.Path(path_type=Path))
@click.option("--encoder", metavar="NAME", help="Add features of the text by this frozen encoder.")
def main(source: Path, target: Path, encoder: str | None) -> None:
    """Write the corpus at SOURCE, in any known format, as a new folder TARGET in the open one."""
    corpus = recognise(source)
    if encoder:
        corpus = _encoded(corpus, encoder)
    write_corpus(corpus, target)
    click.echo(f"{len(corpus.table):,} utterances of '{corpus.name}' are in {target}")
    click.echo(f"next: python -m sslcl.data check {quote(str(target))}")


def _encoded(corpus: Corpus, encoder: str) -> Corpus:
    if "text" in corpus.features:
        raise InputError(
            f"--encoder {encoder}: '{corpus.name}' brings text features of width "
            f"{corpus.features['text'].shape[1]}, expected none"
        )
    if "text" not in corpus.table:
        raise InputError(f"--encoder {encoder}: '{corpus.name}' has no text to encode")
    return with_text(corpus, encoder)
