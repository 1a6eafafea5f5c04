"""A clock that jumps makes nothing too old in an instant, and moves no schedule."""

from __future__ import annotations

from heapscope.daemon.clock import SETTLE_S, CautiousTime


class FakeClock:
    """A clock whose two times are set by hand."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0
        self.ticks = 500.0

    def wall(self) -> float:
        """Return the time of day."""
        return self.now

    def steady(self) -> float:
        """Return the ticks."""
        return self.ticks

    async def sleep(self, seconds: float) -> None:
        """Go on."""
        self.now += seconds
        self.ticks += seconds

    def pass_time(self, seconds: float) -> None:
        """Let time pass on both."""
        self.now += seconds
        self.ticks += seconds


YEAR = 365 * 86400.0


def test_without_a_jump_it_is_the_wall_clock() -> None:
    """Also where it is slewed a little."""
    clock = FakeClock()
    time = CautiousTime(clock)
    for _ in range(100):
        clock.pass_time(60)
        clock.now += 0.5
        assert time.look() == (clock.now, 0.0)


def test_a_jump_to_next_year_is_not_believed_at_once() -> None:
    """For an hour, time goes on as before; if the clock comes back, nothing has happened."""
    clock = FakeClock()
    time = CautiousTime(clock)
    clock.now += YEAR
    now, jump = time.look()
    assert (now, jump) == (1_800_000_000.0, YEAR)
    clock.pass_time(SETTLE_S / 2)
    assert time.look()[0] == 1_800_000_000.0 + SETTLE_S / 2
    clock.now -= YEAR
    assert time.look() == (clock.now, 0.0)


def test_a_jump_that_lasts_is_believed_after_an_hour() -> None:
    """The clock may have been wrong before."""
    clock = FakeClock()
    time = CautiousTime(clock)
    clock.now += YEAR
    time.look()
    clock.pass_time(SETTLE_S + 1)
    time.look()
    assert time.look() == (clock.now, 0.0)


def test_a_jump_back_is_believed_at_once() -> None:
    """Everything seems younger: nothing is lost by it."""
    clock = FakeClock()
    time = CautiousTime(clock)
    clock.now -= YEAR
    assert time.look() == (clock.now, -YEAR)
    assert time.look() == (clock.now, 0.0)
