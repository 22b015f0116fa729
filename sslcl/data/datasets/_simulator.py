"""The generative model behind the ``synthetic`` dataset, simple enough to be decoded exactly.

Emotions. Utterance ``t`` of speaker ``k`` repeats the speaker's own last emotion ``m`` with
probability :data:`INERTIA`, takes over the last emotion ``o`` of the last other speaker with
probability :data:`CONTAGION`, and is otherwise drawn afresh from the class prior ``p``::

    P(e | m, o) = INERTIA [e = m] + CONTAGION [e = o] + (1 - INERTIA - CONTAGION) p(e)

A mixture of copies and fresh draws keeps ``p`` as its marginal exactly. Where nobody has spoken
yet the copy is replaced by a fresh draw.

Features. Each speaker has a hidden style, fixed within a conversation, and each utterance a
hidden wording, literal or ironic. A modality's features are the point that belongs to emotion,
wording and style, turned into the feature space, plus isotropic Gaussian noise. The modalities
are independent given emotion and style.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

EMOTIONS = ("neutral", "surprise", "fear", "sadness", "joy", "disgust", "anger")
MELD_COUNTS = (4710, 1205, 268, 683, 1743, 271, 1109)
"""Utterances of each emotion in MELD's training split (Poria et al., ACL 2019)."""
WIDTHS = {"text": 32, "audio": 16, "video": 16}

INERTIA = 0.5
CONTAGION = 0.25
MOST_SPEAKERS = 4
PARTICIPANTS = ((2, 0.5), (3, 0.3), (MOST_SPEAKERS, 0.2))
SHORTEST, LONGEST = 4, 16
STAY = 0.2
"""Probability that a speaker goes on instead of giving the turn away."""
STYLES = 2
IRONY = 0.15
"""Share of utterances whose wording says the opposite."""

# Rows follow EMOTIONS. Columns: pleasant, sudden, self-assured, resigned.
_WORDING = (
    (0.0, 0.0, 0.4, 0.0),
    (0.3, 1.5, -0.5, -0.6),
    (-1.0, 0.9, -1.3, 0.2),
    (-1.2, -0.5, -0.6, 0.9),
    (1.6, 0.2, 0.5, -0.3),
    (-1.2, -0.3, 0.5, 0.6),
    (-1.2, 0.0, 0.9, 0.2),
)
# Columns: energy, pitch, roughness. Energy parts anger from sadness, which the words confuse.
_VOICE = (
    (-0.2, -0.2, 0.0),
    (0.8, 1.3, -0.4),
    (0.4, 1.0, 0.9),
    (-1.4, -0.5, 0.3),
    (0.7, 0.6, -0.7),
    (-0.5, -0.4, 0.9),
    (1.5, -0.2, 0.8),
)
# Columns: smile, nose wrinkle, open eyes. The wrinkle parts disgust from all else.
_FACE = (
    (0.0, 0.0, -0.1),
    (0.1, -0.3, 1.3),
    (-0.6, 0.1, 1.2),
    (-0.9, -0.3, -0.8),
    (1.5, -0.1, -0.2),
    (-0.5, 1.6, -0.5),
    (-0.7, 0.7, 0.4),
)
_TEXT_GAIN, _IRONY_MARK, _AUDIO_GAIN, _VIDEO_GAIN = 0.92, 1.6, 0.92, 0.88
# A loud speaker's calm sounds like a quiet one's arousal: the baseline must be learnt in context.
_VOICE_BASELINE = ((-0.9, -0.5, 0.0), (0.9, 0.5, 0.0))
_FACE_EXPRESSIVENESS = (0.6, 1.3)


def class_prior(imbalance: float) -> Array:
    """``(7,)`` class probabilities, proportional to MELD's shares to the power ``imbalance``.

    1 gives MELD's, 0 gives equal shares, numbers between interpolate geometrically.
    """
    weights = np.asarray(MELD_COUNTS, dtype=np.float64) ** imbalance
    return np.asarray(weights / weights.sum())


def previous_others(speakers: Iterable[int]) -> list[int | None]:
    """For each utterance, who of the others spoke last; ``None`` where nobody has yet."""
    others: list[int | None] = []
    last: int | None = None
    other: int | None = None
    for speaker in speakers:
        if last is not None and last != speaker:
            other = last
        others.append(other)
        last = speaker
    return others


@dataclass(frozen=True)
class Sampled:
    """One generated conversation of ``T`` utterances.

    Args:
        speakers: ``(T,)``, numbered in the order of their first utterance.
        emotions: ``(T,)`` class indices.
        features: modality name to ``(T, width)``.
    """

    speakers: Ints
    emotions: Ints
    features: Mapping[str, Array]


@dataclass(frozen=True)
class Simulator:
    """Samples conversations, and knows the likelihood of what it samples.

    Args:
        imbalance: exponent of the class prior, see :func:`class_prior`.
        noise: standard deviation of the noise in every feature.
    """

    imbalance: float
    noise: float

    @cached_property
    def prior(self) -> Array:
        """``(7,)`` marginal probability of each emotion."""
        return class_prior(self.imbalance)

    @cached_property
    def means(self) -> Mapping[str, Array]:
        """Modality name to ``(emotions, wordings, styles, width)``; wordings, styles may be 1."""
        words = np.asarray(_WORDING) * _TEXT_GAIN
        mark = np.full((len(EMOTIONS), 1), _IRONY_MARK)
        literal = np.concatenate([words, mark], axis=1)
        text = np.stack([literal, -literal], axis=1)[:, :, None, :]
        voice = np.asarray(_VOICE)[:, None, :] + np.asarray(_VOICE_BASELINE)
        face = np.asarray(_FACE)[:, None, :] * np.asarray(_FACE_EXPRESSIVENESS)[:, None]
        return {
            "text": _turn(text, WIDTHS["text"]),
            "audio": _turn(voice[:, None] * _AUDIO_GAIN, WIDTHS["audio"]),
            "video": _turn(face[:, None] * _VIDEO_GAIN, WIDTHS["video"]),
        }

    def sample(self, rng: np.random.Generator) -> Sampled:
        """Draw one conversation."""
        speakers = _turns(rng)
        emotions = self._emotions(speakers, rng)
        styles = rng.integers(STYLES, size=MOST_SPEAKERS)[speakers]
        wordings = (rng.random(len(speakers)) < IRONY).astype(np.int64)
        features = {}
        for name, means in self.means.items():
            wording = wordings if means.shape[1] > 1 else np.zeros_like(wordings)
            style = styles if means.shape[2] > 1 else np.zeros_like(styles)
            noise = rng.standard_normal((len(speakers), means.shape[3]))
            features[name] = means[emotions, wording, style] + self.noise * noise
        return Sampled(speakers, emotions, features)

    def log_likelihood(self, features: Mapping[str, Array]) -> Array:
        """``log p(features | emotion, style)`` up to a constant per utterance.

        Args:
            features: modality name to ``(T, width)``; modalities left out are not observed.

        Returns:
            ``(T, emotions, styles)``.
        """
        length = len(next(iter(features.values())))
        total = np.zeros((length, len(EMOTIONS), STYLES))
        for name, x in features.items():
            means = self.means[name]
            distance = ((x[:, None, None, None, :] - means) ** 2).sum(-1)
            log_density = -0.5 * distance / self.noise**2
            if means.shape[1] > 1:
                log_density = log_density + np.log([1 - IRONY, IRONY])[:, None]
            total = total + np.logaddexp.reduce(log_density, axis=2)
        return total

    def _emotions(self, speakers: Ints, rng: np.random.Generator) -> Ints:
        cumulative = np.cumsum(self.prior)
        last: dict[int, int] = {}
        emotions = []
        for speaker, other in zip(speakers.tolist(), previous_others(speakers), strict=True):
            source, place = rng.random(2)
            fresh = int(np.searchsorted(cumulative[:-1], place, side="right"))
            if source < INERTIA:
                emotion = last.get(speaker, fresh)
            elif source < INERTIA + CONTAGION and other is not None:
                emotion = last[other]
            else:
                emotion = fresh
            last[speaker] = emotion
            emotions.append(emotion)
        return np.asarray(emotions, dtype=np.int64)


def _turns(rng: np.random.Generator) -> Ints:
    """Who speaks when, the participants numbered in the order of their first utterance."""
    sizes, weights = zip(*PARTICIPANTS, strict=True)
    participants = int(rng.choice(sizes, p=weights))
    speakers = [0]
    for _ in range(int(rng.integers(SHORTEST, LONGEST + 1)) - 1):
        stays = rng.random() < STAY
        step = 0 if stays else int(rng.integers(1, participants))
        speakers.append((speakers[-1] + step) % participants)
    order = {speaker: n for n, speaker in enumerate(dict.fromkeys(speakers))}
    return np.asarray([order[speaker] for speaker in speakers], dtype=np.int64)


def _turn(points: Array, width: int) -> Array:
    """Spread ``(..., d)`` points over ``width`` features with orthonormal Hadamard rows.

    The rows are exact without linear algebra, so every platform builds the same features;
    ``width`` is a power of two above ``d``.
    """
    rows = np.arange(1, points.shape[-1] + 1)
    parity = np.bitwise_count(rows[:, None] & np.arange(width)) % 2
    return np.asarray(points @ ((1.0 - 2.0 * parity) / np.sqrt(width)))
