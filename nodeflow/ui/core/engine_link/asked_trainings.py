"""The trainings that the window has asked the engine for."""

from __future__ import annotations


class AskedTrainings:
    """The numbers of the requested trainings that have not ended, oldest first.

    Attributes:
        prepared: the training that has not begun, or None.
    """

    def __init__(self) -> None:
        self.prepared: int | None = None
        self._numbers: list[int] = []
        self._elsewhere: set[int] = set()

    def __bool__(self) -> bool:
        return bool(self._numbers)

    def __contains__(self, number: int) -> bool:
        return number in self._numbers

    def ask(self, number: int) -> None:
        """Note that a training was requested."""
        self._numbers.append(number)

    def leave(self) -> None:
        """Mark all current trainings as belonging to a document that is no longer open."""
        self._elsewhere |= {*self._numbers}

    @property
    def is_muted(self) -> bool:
        """Whether training messages belong to a document that is no longer open."""
        return bool(self._numbers) and self._numbers[0] in self._elsewhere

    def end(self, number: int) -> None:
        """Note that a certain training has ended."""
        self._numbers.remove(number)
        self._elsewhere.discard(number)

    def end_first(self) -> None:
        """Note that the oldest training in the list has ended, which is the running one."""
        if self._numbers:
            self.end(self._numbers[0])

    def forget(self) -> None:
        """Forget all trainings, because the engine process has ended."""
        self._numbers.clear()
        self._elsewhere.clear()
        self.prepared = None
