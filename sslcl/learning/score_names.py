"""The names of all scores of a confusion matrix; their formulas are in :mod:`sslcl.metrics`.

==========================  =================================================================
name                        score
==========================  =================================================================
``weighted_f1``             mean F1 of the classes, weighted by their labelled utterances
``macro_f1``                plain mean F1 of the classes
``accuracy``                share of utterances whose prediction is their label
``uar``                     plain mean recall of the classes, the unweighted accuracy
``f1:<class>``              F1 of one class
``micro_f1-<class>``        F1 of all classes but this one, pooled; ``micro_f1-a+b`` without two
``acc2_has0``               accuracy of the signs negative and not negative
``acc2_non0``               accuracy of the signs where the label is not neutral
``acc7``                    accuracy in seven steps from strongly negative to strongly positive
==========================  =================================================================

Imports nothing heavy, since command lines offer the names.
"""

from collections.abc import Iterator, Sequence

from sslcl.errors import InputError, unknown

DEFAULT_SCORE = "weighted_f1"
"""What chooses epochs and guides searches unless a study says otherwise."""
CLASS_F1 = "f1:"
MICRO_F1 = "micro_f1-"
_GENERAL = {
    "weighted_f1": "Weighted F1",
    "macro_f1": "Macro F1",
    "accuracy": "Accuracy",
    "uar": "Unweighted accuracy (UAR)",
}
_SENTIMENT = {
    "acc2_has0": "Acc-2 (has0)",
    "acc2_non0": "Acc-2 (non0)",
    "acc7": "Acc-7",
}
GENERAL_SCORES = tuple(_GENERAL)
"""The scores that every dataset has; besides them there are those that name a class."""
SENTIMENT_SCORES = tuple(_SENTIMENT)
"""The scores of classes that are negative, neutral and positive."""
SCORE_HELP = ", ".join(
    (*GENERAL_SCORES, f"{CLASS_F1}<class>", f"{MICRO_F1}<class>", *SENTIMENT_SCORES)
)
"""All of them for a help text."""


def score_names(label_names: Sequence[str]) -> tuple[str, ...]:
    """The names of all scores that these classes have, micro F1 without several left out.

    Args:
        label_names: the classes, in the order of their indices.

    Example:
        >>> score_names(["no", "yes"])[4:]
        ('f1:no', 'f1:yes', 'micro_f1-no', 'micro_f1-yes')
    """
    return (*GENERAL_SCORES, *_of_classes(label_names), *_of_signs(label_names))


def check_score(name: str, label_names: Sequence[str]) -> None:
    """Refuse what is no score of these classes.

    Raises:
        InputError: naming the nearest score.
    """
    if name == MICRO_F1.rstrip("-"):
        raise InputError(
            f"'{name}' of all classes is their accuracy: expected accuracy, or "
            f"{MICRO_F1}<class> to leave a class out, such as {MICRO_F1}{label_names[0]}"
        )
    if name not in score_names(label_names) and not classes_left_out(name, label_names):
        raise unknown("score", name, score_names(label_names))


def check_score_form(name: str) -> str:
    """``name`` where it could be a score of some classes; which classes there are is not known.

    Raises:
        InputError: naming the nearest score.
    """
    for start in (CLASS_F1, MICRO_F1):
        if name.startswith(start) and name != start:
            return name
    if name not in (*GENERAL_SCORES, *SENTIMENT_SCORES):
        patterns = (f"{CLASS_F1}<class>", f"{MICRO_F1}<class>")
        raise unknown("score", name, (*GENERAL_SCORES, *patterns, *SENTIMENT_SCORES))
    return name


def classes_left_out(name: str, label_names: Sequence[str]) -> tuple[str, ...]:
    """The classes that ``micro_f1-<class>+<class>`` leaves out; none for what is no such name."""
    if not name.startswith(MICRO_F1):
        return ()
    rest = name.removeprefix(MICRO_F1)
    named = (rest,) if rest in label_names else tuple(rest.split("+"))
    known = set(named) <= set(label_names) and len(set(named)) == len(named) < len(label_names)
    return named if known else ()


def signs_of(label_names: Sequence[str]) -> tuple[int, ...]:
    """-1, 0 or 1 of each class where classes are negative, neutral and positive; else nothing.

    Class names are numbers, or words among which is one of those three.

    Example:
        >>> signs_of(["neutral", "positive", "negative"]), signs_of(["joy", "neutral"])
        ((0, 1, -1), ())
    """
    signs = tuple(sign for name in label_names if (sign := _sign(name)) is not None)
    return signs if len(signs) == len(label_names) and set(signs) == {-1, 0, 1} else ()


def score_title(name: str) -> str:
    """The score in words.

    Example:
        >>> score_title("uar"), score_title("micro_f1-neutral")
        ('Unweighted accuracy (UAR)', 'Micro F1 without neutral')
    """
    if name.startswith(CLASS_F1):
        return f"F1 of {name.removeprefix(CLASS_F1)}"
    if name.startswith(MICRO_F1):
        return f"Micro F1 without {name.removeprefix(MICRO_F1).replace('+', ' and ')}"
    return {**_GENERAL, **_SENTIMENT}[name]


def score_words(name: str) -> str:
    """The score within a sentence.

    Example:
        >>> score_words("weighted_f1"), score_words("f1:joy"), score_words("acc7")
        ('weighted F1', 'F1 of joy', 'Acc-7')
    """
    return lowered(score_title(name))


def lowered(title: str) -> str:
    """A title as it stands within a sentence; names such as F1 and Acc-2 stay as they are."""
    return title if title.startswith(("F1", "Acc-")) else title[0].lower() + title[1:]


def validation_metric(name: str) -> str:
    """What an epoch calls a score of the validation split."""
    return f"validation_{name}"


def _of_classes(label_names: Sequence[str]) -> Iterator[str]:
    yield from (f"{CLASS_F1}{label}" for label in label_names)
    yield from (f"{MICRO_F1}{label}" for label in label_names)


def _of_signs(label_names: Sequence[str]) -> Iterator[str]:
    signs = signs_of(label_names)
    if signs:
        yield from ("acc2_has0", "acc2_non0")
    if sorted(signs) == [-1, -1, -1, 0, 1, 1, 1]:
        yield "acc7"


def _sign(label: str) -> int | None:
    try:
        number = float(label)
    except ValueError:
        words = label.lower().replace("_", " ").split()
        known = {"negative": -1, "neutral": 0, "positive": 1}
        return next((known[word] for word in words if word in known), None)
    return (number > 0) - (number < 0)
