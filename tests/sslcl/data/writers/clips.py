"""Writes clips: sine tones as wav files, with nothing but the standard library."""

import wave
from pathlib import Path

import numpy as np

RATE = 16000


def write_tone(path: Path, hertz: float, seconds: float = 0.6, channels: int = 1) -> Path:
    """A tone with two overtones, the same on every channel."""
    time = np.arange(int(RATE * seconds)) / RATE
    samples = sum(np.sin(2 * np.pi * hertz * k * time) / k for k in (1, 2, 3)) * 0.3
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(RATE)
        integers = (np.clip(samples, -1, 1) * 32767).astype("<i2")
        file.writeframes(np.repeat(integers[:, None], channels, axis=1).tobytes())
    return path
