"""Says how large the table is: `ownership: … routes, … rows, … requests`."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.ownership.table import ROWS

SIZE: Counter[str] = Counter()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if SIZE["requests"]:
        routes = len({row.name for row in ROWS})
        terminalreporter.write_line(f"ownership: {routes} routes, {len(ROWS)} rows, {SIZE['requests']} requests")
