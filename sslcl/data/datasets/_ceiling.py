"""The best that can be known of a synthetic conversation: exact decoding with the true parameters.

The decoder is told who speaks when and sees the features, never the labels. What it does not see
is summed over exactly: the last emotion and the style of every participant, and the wording of
every utterance.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from sklearn.metrics import accuracy_score, f1_score

from sslcl.data.datasets._simulator import (
    CONTAGION,
    EMOTIONS,
    INERTIA,
    STYLES,
    Array,
    Simulator,
    previous_others,
)
from sslcl.data.types import Conversation, Split

_FRESH = 1 - INERTIA - CONTAGION


def posterior(
    simulator: Simulator, features: Mapping[str, Array], speakers: Sequence[int]
) -> Array:
    """``p(emotion of utterance t | all features, all speakers)`` by forward-backward smoothing.

    The state is one (last emotion, style) pair per participant, an array with two axes for each;
    an utterance changes one of its axes, so a step is linear in the number of states.

    Args:
        simulator: the model that generated the conversation.
        features: modality name to ``(T, width)``; modalities left out are not observed.
        speakers: ``T`` participants, numbered from 0.

    Returns:
        ``(T, 7)``, rows summing to 1.
    """
    log_likelihood = simulator.log_likelihood(features)
    likelihood = np.exp(log_likelihood - log_likelihood.max(axis=(1, 2), keepdims=True))
    participants = max(speakers) + 1
    steps = list(zip(speakers, previous_others(speakers), likelihood, strict=True))

    one = np.repeat(simulator.prior[:, None] / STYLES, STYLES, axis=1)
    state = one
    for _ in range(participants - 1):
        state = np.multiply.outer(state, one)
    forward = []
    for speaker, other, seen in steps:
        state = _spread(state, speaker, other, simulator.prior) * _on(seen, speaker, participants)
        state = state / state.sum()
        forward.append(state)

    rows = []
    backward = np.ones_like(state)
    for state, (speaker, other, seen) in zip(reversed(forward), reversed(steps), strict=True):
        joint = (state * backward).sum(axis=_all_but(2 * speaker, state.ndim))
        rows.append(joint / joint.sum())
        backward = backward * _on(seen, speaker, participants)
        backward = _gather(backward, speaker, other, simulator.prior)
        backward = backward / backward.max()
    return np.stack(rows[::-1])


def posterior_without_context(simulator: Simulator, features: Mapping[str, Array]) -> Array:
    """``p(emotion of utterance t | features of utterance t)``: ``(T, 7)``, rows summing to 1."""
    log_likelihood = simulator.log_likelihood(features)
    scaled = np.exp(log_likelihood - log_likelihood.max(axis=(1, 2), keepdims=True))
    joint = simulator.prior * scaled.sum(axis=2)
    return np.asarray(joint / joint.sum(axis=1, keepdims=True))


def ceilings(simulator: Simulator, split: Split) -> dict[str, float]:
    """Scores of the decoder, which predicts the most probable emotion, on ``split``.

    No classifier has a higher expected accuracy; another might gain a little weighted F1.

    Returns:
        Weighted F1 with and without context, of all modalities and of text alone, and the
        accuracy with all of both.
    """
    truth = np.concatenate([c.labels.numpy() for c in split])
    everything = tuple(split[0].features)

    def decode(modalities: Sequence[str], context: bool) -> Array:
        return np.concatenate([_decode(simulator, c, modalities, context) for c in split])

    def weighted_f1(predicted: Array) -> float:
        return float(f1_score(truth, predicted, average="weighted", zero_division=0.0))

    best = decode(everything, context=True)
    return {
        "ceiling_weighted_f1": weighted_f1(best),
        "ceiling_weighted_f1_without_context": weighted_f1(decode(everything, context=False)),
        "ceiling_weighted_f1_text_only": weighted_f1(decode(("text",), context=True)),
        "ceiling_weighted_f1_text_only_without_context": weighted_f1(
            decode(("text",), context=False)
        ),
        "ceiling_accuracy": float(accuracy_score(truth, best)),
    }


def _decode(
    simulator: Simulator, conversation: Conversation, modalities: Sequence[str], context: bool
) -> Array:
    """``(T,)`` most probable emotions."""
    features = {n: conversation.features[n].numpy().astype(np.float64) for n in modalities}
    if context:
        probabilities = posterior(simulator, features, conversation.speakers.tolist())
    else:
        probabilities = posterior_without_context(simulator, features)
    return np.asarray(probabilities.argmax(axis=1))


def _spread(state: Array, speaker: int, other: int | None, prior: Array) -> Array:
    """Forward: the distribution after ``speaker``'s emotion has moved on."""
    axis, participants = 2 * speaker, state.ndim // 2
    total = state.sum(axis=axis, keepdims=True)
    fresh = _on(np.repeat(prior[:, None], STYLES, axis=1), speaker, participants)
    if other is None:
        return np.asarray(INERTIA * state + (1 - INERTIA) * fresh * total)
    copies = _same(speaker, other, participants) * total
    return np.asarray(INERTIA * state + CONTAGION * copies + _FRESH * fresh * total)


def _gather(message: Array, speaker: int, other: int | None, prior: Array) -> Array:
    """Backward: the transpose of :func:`_spread`."""
    axis, participants = 2 * speaker, message.ndim // 2
    fresh_prior = _on(np.repeat(prior[:, None], STYLES, axis=1), speaker, participants)
    fresh = (fresh_prior * message).sum(axis=axis, keepdims=True)
    if other is None:
        return np.asarray(INERTIA * message + (1 - INERTIA) * fresh)
    copied = (_same(speaker, other, participants) * message).sum(axis=axis, keepdims=True)
    return np.asarray(INERTIA * message + CONTAGION * copied + _FRESH * fresh)


def _on(table: Array, speaker: int, participants: int) -> Array:
    """An ``(emotions, styles)`` table laid along the two axes of ``speaker``."""
    shape = [1] * (2 * participants)
    shape[2 * speaker : 2 * speaker + 2] = table.shape
    return table.reshape(shape)


def _same(speaker: int, other: int, participants: int) -> Array:
    """1 where two participants have the same last emotion, else 0, broadcast over the rest."""
    shape = [1] * (2 * participants)
    shape[2 * speaker] = shape[2 * other] = len(EMOTIONS)
    return np.eye(len(EMOTIONS)).reshape(shape)


def _all_but(axis: int, dimensions: int) -> tuple[int, ...]:
    return tuple(a for a in range(dimensions) if a != axis)
