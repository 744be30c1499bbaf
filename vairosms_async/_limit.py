"""How many lookups may be in flight, if the client adapts to the panel. No I/O.

Nobody knows the panel's capacity, so the client finds it as TCP finds the capacity of a network.
It starts with 16 lookups in flight and adds one per answer until the panel refuses lookups. A
refusal (HTTP 429 or 503 without ``Retry-After``) multiplies the limit by 0.87, at most once per
answer time, by 0.6 if the panel refuses most lookups, or by 0.3 if it answers none. Then the limit
rises along a cubic curve, as in TCP CUBIC and in botocore's adaptive mode: it returns to where the
refusal was, stays near it for a while, and then rises faster and faster. So a panel that stays as
it is refuses few lookups, and more capacity is found soon. A timeout lowers the limit to 1, as in
TCP.

After the first refusal, the client also spaces its requests evenly: the mean answer time, divided
by the limit, lies between two of them. A limit of 0.1 then means one request per ten answer times.
This is how the client follows a rate limit.

A queue in front of the panel refuses nothing, but makes answers slower. That is the signal of TCP
Vegas and of Netflix's Gradient2. But a panel may also be slow for other reasons, so the client
makes a test: if answers have become 1.5 times slower, it halves the limit for one round of answers.
It keeps the lower limit only if answers are faster with it. In the same way, refusals that do not
become fewer with a fifth of the limit have another cause, and no longer lower it.

A panel that only refuses lookups may be down. For 10 seconds after its last answer, it counts as
overloaded, then as down. A client that is new or was idle gives the panel these seconds after 17
refusals, since another client may use all of its capacity. If a panel is down, the limit rises
to at least 16, so that a bulk of lookups ends soon. The retry budget limits the requests.
"""

import math

from ._causes import AnswerTimes, Refusals

START = 16
"""Limit of a new client, if its ``max_concurrency`` is not lower."""

KEPT = 0.87
"""Share of the limit that is left after a refusal."""

KEPT_OF_MOST_REFUSED = 0.6
"""The same if the panel refuses more than two in three lookups."""

KEPT_OF_ALL_REFUSED = 0.3
"""The same if the panel refuses at least `MIN_REFUSALS` lookups and answers none."""

MIN_REFUSALS = 8
"""Minimum number of refusals for `KEPT_OF_ALL_REFUSED`."""

MIN_FAILURES = 3
"""Minimum number of other failures in a row that end the spacing, if the panel counts as down."""

AVERAGED = 128
"""Number of the latest answers in the mean answer time."""

MIN_ROUND = 4
"""Minimum number of answers in a round of the cubic curve, which has one per lookup in flight."""

MAX_ROUND = 1.0
"""Maximum number of seconds of such a round."""

RETURN = 6
"""Number of rounds in which the limit returns to where the last refusal was."""

MIN_LATENCY = 0.001
"""Minimum answer time in seconds that requests are spaced by."""

MAX_INTERVAL = 2.5
"""Maximum number of seconds between two spaced requests, if answers do not take longer."""

DOWN_AFTER = 10.0
"""Seconds after the last answer until the panel counts as down.

If twice the mean answer time is longer, that applies.
"""


class AdaptiveLimit:
    """How many lookups may be in flight, and how far apart requests are sent.

    All times are in seconds of one clock.

    Attributes:
        value: The limit, at most `maximum`. Below 1, requests are spaced by more than their
            answer time.
        size: The limit as a number of slots.
        spaced: Whether requests are spaced: from the first refusal until `value` is `maximum`, and
            the panel has refused nothing for two answer times.
        latency: Mean time of the latest answers.
    """

    def __init__(self, maximum: int) -> None:
        self.maximum = maximum
        self.value: float = float(min(maximum, START))
        self.size: int = min(maximum, START)
        self.spaced: bool = False
        self.latency: float = 0.0
        self._times = AnswerTimes(self.value)
        self._refusals = Refusals()
        self._answers = 0
        self._answered_at = -math.inf  # or when `START` refusals in a row were exceeded
        self._refused_at = -math.inf
        self._refusals_in_a_row = 0
        self._failures_in_a_row = 0  # of another kind
        self._answered_limit = math.inf  # at an answer before the limit was last lowered
        self._fastest = math.inf
        self._slowest = 0.0
        self._spaced_at = math.inf
        self._spaced_limit = 0.0  # the limit at that time
        self._spaced_answers = 0  # number of answers until then
        self._spaced_refusals = 0  # of requests from before
        self._fast_until = math.inf  # a limit, up to which each answer adds 1
        self._lowered_at = -math.inf
        # Since the limit was last lowered:
        self._raised_times = self._refused_times = 0
        self._answers_before = 0  # number of answers until then
        # The limit at least one answer time ago, and one that will be so later.
        self._earlier = self._later = math.inf
        self._later_at = -math.inf

    @property
    def interval(self) -> float:
        """Seconds from one spaced request to the next."""
        return min(self._longest_interval, self._spacing / self.value)

    @property
    def _spacing(self) -> float:
        """The interval at a limit of 1."""
        return max(self.latency, MIN_LATENCY)

    @property
    def _longest_interval(self) -> float:
        return max(MAX_INTERVAL, self._spacing)

    @property
    def _lowest(self) -> float:
        """The limit at the longest interval."""
        return self._spacing / self._longest_interval

    def is_down(self, now: float) -> bool:
        """Whether the panel counts as down, so that a refusal is no sign of overload."""
        return now - self._answered_at > max(DOWN_AFTER, 2 * self.latency)

    def answered(self, now: float, sent_at: float, timeout: float | None, *, in_use: bool) -> None:
        """Take an answer into account: learn its time, and raise the limit.

        Args:
            now: The current time.
            sent_at: When the request was sent.
            timeout: The timeout of the request, or None.
            in_use: Whether the limit kept requests waiting. If not, it does not rise.
        """
        seconds = now - sent_at
        value = self.value
        self._answers += 1
        self._answered_at = now
        self._refusals_in_a_row = self._failures_in_a_row = 0
        latency = self.latency
        # Without min() and max(), which cost more than the rest of these lines.
        count = self._answers if self._answers < AVERAGED else AVERAGED  # noqa: FURB136
        self.latency += (seconds - latency) / count
        self._fastest = seconds if seconds < self._fastest else self._fastest * 1.01
        self._slowest = seconds if seconds > self._slowest else self._slowest * 0.99
        if self._spaced_at <= now:  # the panel has refused a lookup
            self._refusals.add(value, refused=False)
            if now >= self._later_at + self.latency:
                self._earlier, self._later, self._later_at = self._later, value, now
            if latency and self._answers <= AVERAGED / 2:
                # The fastest answers arrive first. Send at the same rate while the mean rises,
                # but no more lookups at a time than when the panel first refused one.
                value = min(value * self.latency / latency, max(value, self._spaced_limit))
                self._set(value)
        # One lookup at a time does not slow itself down.
        if value >= 2 and self._times.add(sent_at, seconds):
            self._set(self._times.finish_round(now, value))
        # Answers near the timeout may come from a queue, which a higher limit makes longer.
        if (
            in_use
            and self.value < self.maximum
            and sent_at >= self._lowered_at
            and self._times.tested is None
            and (timeout is None or seconds < max(timeout / 4, 2 * self._fastest))
        ):
            self._raise(now)
        # Without spacing, the first requests at the maximum would be sent, and refused, at once.
        elif self.spaced and self.value >= self.maximum and self._refuses_little(now):
            self.spaced = False

    def refused(self, now: float, sent_at: float, in_flight: int) -> bool:
        """Take a refusal into account. Return whether the panel is overloaded and not down.

        Args:
            now: The current time.
            sent_at: When the request was sent.
            in_flight: Number of other requests without an answer.
        """
        self._refused_at = now
        self._refusals_in_a_row += 1
        if self._refusals_in_a_row == START + 1 and self.is_down(now):
            self._answered_at = now
        if not self.is_down(now):
            self._refusals.add(self.value, refused=True)
            if not self._refusals.are_random:
                self._start_spacing(now)
                self._lower(now, sent_at, in_flight)
            return True
        if in_flight:
            # The first requests, or those after an outage. The panel may work on the others.
            self._start_spacing(now)
            self._set(min(self.value, in_flight))
        else:
            self._restart(now)
        return False

    def timed_out(self, now: float, sent_at: float, timeout: float | None) -> bool:
        """Take a timeout into account. Return whether it is a sign of overload.

        It is no such sign if other answers arrive much faster (one packet hangs), or slower (the
        timeout of a sibling is too short).

        Args:
            now: The current time.
            sent_at: When the request was sent.
            timeout: The timeout of the request, or None if the operating system ended it.
        """
        if self.is_down(now):
            self.failed(now)
            return False
        if timeout is None or not timeout / 4 <= self._slowest <= timeout:
            return False
        if sent_at >= self._lowered_at:
            self._lowered_at, self._raised_times = now, 0
            if self.value > 1:
                self._fast_until = self.value / 4
                self._set(1.0)
                self._times.reset(now, self.value)
        return True

    def failed(self, now: float) -> None:
        """Take another failure into account, which is no sign of overload.

        If the panel counts as down, `MIN_FAILURES` in a row raise the limit. After an idle time,
        fewer may fail although the panel is up, for example on old connections.
        """
        if self.is_down(now):
            self._failures_in_a_row += 1
            if self._failures_in_a_row >= MIN_FAILURES:
                self._restart(now)

    def _restart(self, now: float) -> None:
        """Raise the limit to at least `START` and end the spacing, because the panel is down."""
        self.spaced, self._fast_until = False, math.inf
        self._set(max(self.value, START))
        self._times.reset(now, self.value)

    def _raise(self, now: float) -> None:
        if self.value < self._fast_until:
            added = 1.0
        else:
            answers = max(MIN_ROUND, self.value)
            rounds = max(self._raised_times / answers, (now - self._lowered_at) / MAX_ROUND)
            # The derivative of a cubic curve that rises by 1 - KEPT in `RETURN` rounds.
            slope = 3 * (1 - KEPT) * (rounds - RETURN) ** 2 / RETURN**3
            added = min(1.0, slope * self.value / answers)
        self._raised_times += 1
        highest = max(2 * START, 2 * self._times.usual_limit)  # until the answer times are known
        value = max(self.value, min(self.value + added, 2 * self.value, highest))
        # The first answer after many refusals may show a longer answer time.
        self._set(max(value, self._lowest) if value < 1 else value)

    def _refuses_little(self, now: float) -> bool:
        """Whether the panel has refused nothing for two answer times, or refuses at random."""
        return self._refusals.are_random or now >= self._refused_at + 2 * self.latency

    def _start_spacing(self, now: float) -> None:
        if not self.spaced:
            self.spaced, self._spaced_at, self._spaced_limit = True, now, self.value
            self._spaced_answers, self._spaced_refusals = self._answers, 0

    def _lower(self, now: float, sent_at: float, in_flight: int) -> None:
        self._refused_times += 1
        value = self.value
        if sent_at < self._spaced_at:
            if now - sent_at < self.latency / 2 and in_flight:
                # A burst of immediate refusals: the panel works on all that is still in flight.
                value = min(value, in_flight)
            else:
                # The panel may refuse everything, while many requests are on the way.
                self._spaced_refusals += 1
                if self._spaced_refusals == MIN_REFUSALS and self._answers == self._spaced_answers:
                    self._fast_until = value / 2
                    value *= KEPT_OF_ALL_REFUSED
                    self._restart_curve(now)
        elif sent_at >= self._lowered_at and now >= self._lowered_at + self.latency:
            if now - sent_at >= self.latency / 2:
                # The request was sent at the limit of an answer time ago.
                value = min(value, max(value / 2, self._earlier))
            answers = self._answers - self._answers_before
            if answers:
                self._answered_limit = self.value
            value *= self._kept(answers)
            # Far below it, the old limit says nothing about the new one.
            self._fast_until = math.inf if value < self._answered_limit / 4 else 0.0
            self._restart_curve(now)
        self._set(max(value, self._lowest))
        self._times.reset(now, self.value)

    def _restart_curve(self, now: float) -> None:
        self._lowered_at = now
        self._raised_times = self._refused_times = 0
        self._answers_before = self._answers

    def _kept(self, answers: int) -> float:
        if not answers and self._refused_times >= MIN_REFUSALS:
            return KEPT_OF_ALL_REFUSED
        return KEPT_OF_MOST_REFUSED if self._refused_times > 2 * answers else KEPT

    def _set(self, value: float) -> None:
        self.value = min(float(self.maximum), value)
        self.size = max(1, math.ceil(self.value - 1e-9))
