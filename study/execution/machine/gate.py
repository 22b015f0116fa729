"""The gate behind which workers wait for each other before they begin trials."""

from contextlib import suppress
from dataclasses import dataclass

from tracking.artifacts import Store


@dataclass(frozen=True)
class Gate:
    """Open while a file is there, where the driver and all workers see it.

    It only makes a study shorter, so that nothing fails where the file cannot be reached.

    Args:
        store: of the file.
        name: of the file.
    """

    store: Store
    name: str

    def open(self) -> bool:
        """Let workers begin; whether that could be said."""
        with suppress(Exception):
            self.store.write(self.name, b"")
            return True
        return False

    def shut(self) -> bool:
        """Have workers wait; whether that could be said."""
        with suppress(Exception):
            self.store.remove(self.name)
            return True
        return False

    def is_open(self) -> bool:
        """Whether workers may begin."""
        try:
            return self.store.exists(self.name)
        except Exception:
            return True
