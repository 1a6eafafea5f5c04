"""The list in sight: what is drawn and how often, the wheel, the bar."""

from __future__ import annotations

from collections.abc import Hashable

import pytest
from rich.segment import Segment
from textual import events
from textual.app import App, ComposeResult
from textual.strip import Strip

from heapscope.tui.quickview import HEAD_LINES, QuickView, thumb_of

SIZE = (20, 11)
ROWS = SIZE[1] - HEAD_LINES
COUNT = 100


class Numbers(QuickView):
    """A list of numbers that notes which lines it wrote."""

    count = COUNT

    def __init__(self) -> None:
        super().__init__()
        self.written: list[int] = []

    @property
    def line_count(self) -> int:
        """As many as a test wants."""
        return self.count

    def line_key(self, y: int) -> Hashable:
        """The number."""
        return self.top + y - HEAD_LINES if y >= HEAD_LINES else "head"

    def render_line(self, y: int) -> Strip:
        """Write a number."""
        number = self.top + y - HEAD_LINES
        if y >= HEAD_LINES:
            self.written.append(number)
        text = str(number) if 0 <= number < self.count else ""
        return Strip([Segment(text.ljust(self.text_width))], self.text_width)


class NumbersApp(App[None]):
    """The list alone."""

    def compose(self) -> ComposeResult:
        """The list."""
        yield Numbers()


def shown(view: Numbers) -> list[str]:
    """Return the lines below the head with the bar's cell."""
    return [strip.text for strip in view.render_lines(view.size.region)][HEAD_LINES:]


@pytest.mark.parametrize(
    ("top", "count", "thumb"),
    [
        (0, 10, range(0)),
        (0, 3, range(0)),
        (0, 20, range(5)),
        (10, 20, range(5, 10)),
        (0, 1_000_000, range(1)),
        (999_990, 1_000_000, range(9, 10)),
        (500_000, 1_000_000, range(5, 6)),
    ],
)
def test_the_thumb_shows_place_and_share(top: int, count: int, thumb: range) -> None:
    """It is there only if there is something to scroll, never empty, and touches an end at that end."""
    assert list(thumb_of(top, 10, count)) == list(thumb)


async def test_a_line_is_written_once_for_as_long_as_it_stays_the_same() -> None:
    """Scrolling writes what comes into sight; a change of everything writes everything."""
    app = NumbersApp()
    async with app.run_test(size=SIZE) as pilot:
        view = app.query_one(Numbers)
        assert sorted(set(view.written)) == list(range(ROWS))
        view.written.clear()
        view.show_from(3)
        await pilot.pause()
        assert sorted(view.written) == [10, 11, 12]
        assert shown(view)[0].startswith("3 ")
        view.written.clear()
        view.refresh()
        await pilot.pause()
        assert sorted(view.written) == list(range(3, 3 + ROWS))
        view.written.clear()
        view.notify_style_update()
        shown(view)
        assert len(view.written) == ROWS


async def test_it_scrolls_no_further_than_there_are_lines() -> None:
    """Nor before the first; a list that fits does not move, and has no bar."""
    app = NumbersApp()
    async with app.run_test(size=SIZE):
        view = app.query_one(Numbers)
        view.show_from(1_000)
        assert view.top == COUNT - ROWS
        view.show_from(-5)
        assert view.top == 0
        view.count = ROWS
        view.show_from(3)
        assert view.top == 0
        assert all(line.endswith("  ") for line in shown(view))


async def test_a_line_is_brought_into_sight_by_the_shortest_way() -> None:
    """Above, it becomes the first; below, the last; in sight, nothing moves."""
    app = NumbersApp()
    async with app.run_test(size=SIZE):
        view = app.query_one(Numbers)
        for at, top in ((5, 0), (ROWS, 1), (COUNT - 1, COUNT - ROWS), (50, 50), (55, 50), (50 + ROWS, 51)):
            view.keep_in_sight(at)
            assert view.top == top


async def test_the_wheel_and_the_bar_scroll() -> None:
    """The bar follows the mouse until it is let go; the end of the bar is the end of the list."""
    app = NumbersApp()
    async with app.run_test(size=SIZE) as pilot:
        view = app.query_one(Numbers)
        await pilot._post_mouse_events([events.MouseScrollDown], Numbers)
        await pilot.pause()
        assert view.top > 0
        await pilot._post_mouse_events([events.MouseScrollUp], Numbers)
        await pilot.pause()
        assert view.top == 0
        bar = SIZE[0] - 1
        await pilot.mouse_down(Numbers, offset=(bar, SIZE[1] - 1))
        assert view.top == COUNT - ROWS
        await pilot.hover(Numbers, offset=(2, HEAD_LINES))
        assert view.top == 0
        await pilot.mouse_up(Numbers, offset=(2, HEAD_LINES))
        await pilot.hover(Numbers, offset=(2, SIZE[1] - 1))
        assert view.top == 0


async def test_a_press_beside_the_bar_does_not_scroll() -> None:
    """It is the line's."""
    app = NumbersApp()
    async with app.run_test(size=SIZE) as pilot:
        await pilot.mouse_down(Numbers, offset=(3, SIZE[1] - 1))
        await pilot.mouse_up(Numbers, offset=(3, SIZE[1] - 1))
        assert app.query_one(Numbers).top == 0
