"""Owns the look of the terminal UI: the colour-blind safe theme and the plain-ASCII replacements.

Never carries meaning by colour alone: every coloured thing also has a sign or a word.
"""

from __future__ import annotations

from textual.theme import Theme

THEME_NAME = "heapscope-cb"

# Okabe and Ito's palette: distinguishable with every common form of colour blindness. Red against green is never used.
BLUE = "#56B4E9"
ORANGE = "#E69F00"
VERMILLION = "#D55E00"
GREEN = "#009E73"
YELLOW = "#F0E442"

THEME = Theme(
    name=THEME_NAME,
    primary=BLUE,
    secondary=GREEN,
    accent=YELLOW,
    warning=ORANGE,
    error=VERMILLION,
    success=GREEN,
    foreground="#D8DEE6",
    background="#11151A",
    surface="#1A2028",
    panel="#222A34",
    dark=True,
)

# One character for one character, so that a text keeps its width.
_ASCII_GLYPHS = str.maketrans(
    {
        "▲": "^", "▼": "v", "▶": ">", "◀": "<", "▸": ">", "·": ".", "…": "~", "→": ">", "×": "x", "–": "-",
        "✔": "+", "✘": "x", "●": "*", "│": "|", "─": "-", "⏎": "=", "µ": "u", "Δ": "d", "≥": ">",
        "█": "#", "▉": "#", "▊": "#", "▋": "#", "▌": "#", "▍": "-", "▎": "-", "▏": "-",
        "░": ":", "▒": "%", "▓": "&",
        "▐": "#", "▁": "_", "▂": "_", "▃": ".", "▄": "-", "▅": "-", "▆": "=", "▇": "#", "↑": "^", "↓": "v",
    }
)  # fmt: skip


def to_ascii(text: str) -> str:
    """Write text with ASCII characters only; what has no sign of its own becomes an escape."""
    if text.isascii():
        return text
    return text.translate(_ASCII_GLYPHS).encode("ascii", "backslashreplace").decode("ascii")
