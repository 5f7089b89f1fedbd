"""The figures of a simulation as an SVG, written by hand: it needs no library and no other file."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from html import escape

from config.development.simulation.figures import Month
from config.development.simulation.report import currencies_of
from subscriptions.money import decimals

WIDTH = 720
LEFT, RIGHT = 76, 24
PANEL, GAP, HEAD = 120, 66, 66
STYLE = """
    svg { --page: #ffffff; --edge: #d1d9e0; --text: #1f2328; --soft: #59636e;
          --active: #0969da; --new: #35a35a; --ended: #d1453b; --money: #8a5bd6; --failed: #e0a526; }
    @media (prefers-color-scheme: dark) {
      svg { --page: #0d1117; --edge: #30363d; --text: #f0f6fc; --soft: #9da7b3;
            --active: #4a9eea; --new: #3fb164; --ended: #e5645b; --money: #a27be8; --failed: #c99a2e; }
    }
    text { font: 13px -apple-system, "Segoe UI", Roboto, "Noto Sans", Helvetica, Arial, sans-serif; fill: var(--soft); }
    .title { font-size: 18px; font-weight: 600; fill: var(--text); }
    .name { font-weight: 600; fill: var(--text); }
    .m { text-anchor: middle; } .e { text-anchor: end; }
    .grid { stroke: var(--edge); }
    .active { fill: none; stroke: var(--active); stroke-width: 2.5; stroke-linejoin: round; }
    .dot { fill: var(--active); }
    .new { fill: var(--new); } .ended { fill: var(--ended); } .money { fill: var(--money); }
    .failed { fill: var(--failed); }
"""


def svg(months: Sequence[Month], *, title: str) -> str:
    """Subscriptions, dunning and the revenue in each currency, one panel below the other."""
    names = [f"{month.start:%b}" for month in months]
    panels = [_subscriptions(months), _changes(months), _dunning(months)]
    panels += [_revenue(months, currency) for currency in currencies_of(months)]
    height = HEAD + len(panels) * (PANEL + GAP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'role="img" aria-labelledby="title">',
        f'<title id="title">{escape(title)}</title>',
        f"<style>{STYLE}</style>",
        f'<rect width="{WIDTH}" height="{height}" fill="var(--page)"/>',
        f'<text class="title" x="{LEFT}" y="34">{escape(title)}</text>',
    ]
    for number, panel in enumerate(panels):
        parts += panel.drawn(top=HEAD + number * (PANEL + GAP), names=names)
    return "\n".join([*parts, "</svg>", ""])


class Panel:
    """One chart: a name, a legend, and series of bars or one line. All series share one scale from 0."""

    def __init__(self, name: str, *, bars: dict[str, Sequence[float]] | None = None,
                 line: Sequence[float] = ()) -> None:  # fmt: skip
        self._name, self._bars, self._line = name, bars or {}, line
        self._most = max([1.0, *line, *(value for values in self._bars.values() for value in values)])

    def drawn(self, *, top: float, names: Sequence[str]) -> list[str]:
        """The elements of the panel, below ``top``."""
        bottom = top + PANEL
        parts = [f'<text class="name" x="{LEFT}" y="{top - 12}">{escape(self._name)}</text>', *self._legend(top)]
        for value in (0.0, self._most / 2, self._most):
            y = self._y(value, top)
            parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
            parts.append(f'<text class="e" x="{LEFT - 8}" y="{y + 4:.1f}">{_short(value)}</text>')
        step = (WIDTH - LEFT - RIGHT) / len(names)
        for index, name in enumerate(names):
            parts.append(f'<text class="m" x="{LEFT + step * (index + 0.5):.1f}" y="{bottom + 18}">{name}</text>')
        return [*parts, *self._drawn_bars(top, step), *self._drawn_line(top, step)]

    def _legend(self, top: float) -> list[str]:
        if len(self._bars) < 2:
            return []
        parts, x = [], WIDTH - RIGHT - 110 * len(self._bars)
        for number, label in enumerate(self._bars):
            left = x + 110 * number
            parts.append(f'<rect class="{_class(label)}" x="{left}" y="{top - 22}" width="10" height="10"/>')
            parts.append(f'<text x="{left + 16}" y="{top - 12}">{label}</text>')
        return parts

    def _drawn_bars(self, top: float, step: float) -> list[str]:
        parts, width = [], step * 0.7 / max(1, len(self._bars))
        for number, (label, values) in enumerate(self._bars.items()):
            for index, value in enumerate(values):
                x, y = LEFT + step * (index + 0.15) + width * number, self._y(value, top)
                parts.append(
                    f'<rect class="{_class(label)}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" '
                    f'height="{top + PANEL - y:.1f}"><title>{label}: {value:,.10g}</title></rect>'
                )
        return parts

    def _drawn_line(self, top: float, step: float) -> list[str]:
        points = [(LEFT + step * (index + 0.5), self._y(value, top)) for index, value in enumerate(self._line)]
        if not points:
            return []
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        dots = [
            f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="3.5"><title>{value:,.10g}</title></circle>'
            for (x, y), value in zip(points, self._line, strict=True)
        ]
        return [f'<polyline class="active" points="{path}"/>', *dots]

    def _y(self, value: float, top: float) -> float:
        return top + PANEL * (1 - value / self._most)


def _subscriptions(months: Sequence[Month]) -> Panel:
    return Panel("Active subscriptions at the end of the month", line=[month.active for month in months])


def _changes(months: Sequence[Month]) -> Panel:
    return Panel(
        "New and ended subscriptions",
        bars={"New": [month.new for month in months], "Ended": [month.ended for month in months]},
    )


def _dunning(months: Sequence[Month]) -> Panel:
    return Panel(
        "Renewals that failed, and those that dunning recovered",
        bars={"Failed": [month.failed for month in months], "Recovered": [month.recovered for month in months]},
    )


def _revenue(months: Sequence[Month], currency: str) -> Panel:
    unit = Decimal(10) ** decimals(currency)
    values = [max(0.0, float(month.revenue.get(currency, 0) / unit)) for month in months]
    return Panel(f"Revenue in {currency}", bars={currency: values})


def _class(label: str) -> str:
    return {"New": "new", "Recovered": "new", "Ended": "ended", "Failed": "failed"}.get(label, "money")


def _short(value: float) -> str:
    """``12300`` as ``12.3k``."""
    return f"{value / 1000:.3g}k" if value >= 1000 else f"{value:.3g}"
