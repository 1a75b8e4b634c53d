"""One screen is one page: which of those that are open plays.

Two pages that play would each report their plays, and the screen would seem to have shown twice what it did. So a page
asks for the seat before it plays. It is given to whoever comes while nobody has it; the others wait, and take it when
the one that has it is gone, or when somebody presses a button there.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

GRACE = 10.0
"""Seconds for which a page that waits leaves the seat to the one that had it: its connection, or the server, may be
back at once."""

ASKED = 6.0
"""Seconds after which a page that waits, and asks every two, is taken to be closed."""


class Seat:
    """Who plays. A page is known by a random id of its own, and is there for as long as it listens to events."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self.holder = ""
        self._listening: Counter[str] = Counter()
        self._left = now()
        self._listened = False  # the holder, since it took the seat
        self._refused = -ASKED

    @property
    def contested(self) -> bool:
        """Whether another page waits."""
        return self._now() - self._refused < ASKED

    @property
    def present(self) -> bool:
        """Whether the page that plays is there. Before any has asked, as after a restart of the server in the midst of
        a play, whichever listens is taken for it."""
        return bool(self._listening[self.holder] if self.holder else self._listening)

    @property
    def away_s(self) -> float | None:
        """For how many seconds the page that plays, which listened before, has not; ``None`` where it does, or never
        did. Below ``GRACE`` it may be back at once."""
        return self._now() - self._left if self._listened and not self._listening[self.holder] else None

    def claim(self, page: str, *, waits: bool = False, take: bool = False) -> bool:
        """Whether ``page`` may play: it has the seat, or gets it now.

        waits  it was refused before, and asks again by itself
        take   somebody there wants it to play, whoever else does
        """
        if page != self.holder and not take:
            gone = not self._listening[self.holder]
            if not gone or (waits and self._now() - self._left < GRACE):
                self._refused = self._now()
                return False
        self._listened = bool(self._listening[page]) or (self._listened and page == self.holder)
        self.holder = page
        return True

    @contextmanager
    def listening(self, page: str) -> Iterator[None]:
        """While a page listens to events."""
        self._listening[page] += 1
        self._listened |= page == self.holder
        try:
            yield
        finally:
            self._listening[page] -= 1
            if not self._listening[page]:
                del self._listening[page]
                if page == self.holder:
                    self._left = self._now()
