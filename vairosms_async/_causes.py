"""Whether slow answers and refusals are caused by the number of lookups in flight. No I/O."""

import math

SLOWER = math.log(1.5)
"""Answers that have become slower by this factor start a test with half the limit."""

FASTER = math.log(1.35)
"""The test keeps half the limit if answers become faster by this factor."""


class AnswerTimes:
    """The answer times of one round of lookups, compared with those of earlier rounds.

    Times are averaged as logarithms, so that a few slow answers do not count for much.
    """

    def __init__(self, limit: float) -> None:
        self.usual: float | None = None
        self.usual_limit: float = limit  # of the round that `usual` comes from
        self.tested: float | None = None  # the limit before a test with half of it
        self._before_test = 0.0
        self.start_round(-math.inf, limit)

    def start_round(self, now: float, limit: float, *, answers: int | None = None) -> None:
        """Start to collect the answers to requests that are sent from now on."""
        self._start, self._limit = now, limit
        self._seconds: list[float] = []
        grown = self.usual is None or limit > self.usual_limit
        size = math.ceil(limit)
        self._needed = answers or (max(64, 2 * size) if grown else max(128, 4 * size))

    def add(self, sent_at: float, seconds: float) -> bool:
        """Add an answer. Return whether the round is complete."""
        if sent_at < self._start:
            return False
        self._seconds.append(seconds)
        return len(self._seconds) >= self._needed

    def finish_round(self, now: float, limit: float) -> float:
        """Compare the round with earlier ones. Return the limit for the next round."""
        time = sum(math.log(seconds or 1e-6) for seconds in self._seconds) / len(self._seconds)
        round_limit = self._limit
        if self.tested is not None:
            is_faster = time < self._before_test - FASTER
            if not is_faster:
                limit, time = self.tested, max(time, self._before_test)
            self.usual, self.usual_limit, self.tested = time, limit, None
        elif self.usual is not None and time > self.usual + SLOWER:
            self.tested, self._before_test = limit, time
            limit /= 2
            # The first half of an answer time shows the requests that were in flight before.
            self.start_round(now + math.exp(time) / 2, limit, answers=math.ceil(limit))
            return limit
        elif self.usual is None or time < self.usual or round_limit >= 2 * self.usual_limit:
            self.usual, self.usual_limit = time, round_limit
        elif round_limit <= self.usual_limit:
            self.usual += (time - self.usual) / 8
        self.start_round(now, limit)
        return limit

    def reset(self, now: float, limit: float) -> None:
        """Forget the earlier rounds, after the limit was lowered."""
        self.usual, self.usual_limit, self.tested = None, limit, None
        self.start_round(now, limit)


class Refusals:
    """Finds out whether refusals have another cause than the number of lookups in flight.

    Attributes:
        are_random: Whether the limit has fallen to a fifth, and the panel still refuses the same
            small share of the lookups.
    """

    BLOCK = 64
    SMALL_SHARE = (1 / 64, 1 / 4)

    def __init__(self) -> None:
        self.are_random: bool = False
        self._requests = 0
        self._refused = 0
        self._limit = 0.0  # at the first of the blocks with a small share
        self._was_small = False

    def add(self, limit: float, *, refused: bool) -> None:
        """Count a request.

        Args:
            limit: The current limit.
            refused: Whether the panel refused the request.
        """
        self._requests += 1
        self._refused += refused
        if self._requests < self.BLOCK:
            return
        lowest, highest = self.SMALL_SHARE
        is_small = lowest <= self._refused / self.BLOCK <= highest
        if not is_small:
            self.are_random = False
        elif not self._was_small:
            self._limit = limit
        elif limit < self._limit / 5:
            self.are_random = True
        self._was_small = is_small
        self._requests = self._refused = 0
