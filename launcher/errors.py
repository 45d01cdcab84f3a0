"""What the launcher raises when it cannot go on: its text is one line that says what to do."""

from __future__ import annotations

USAGE = 2  # exit code: the way it was started cannot work (a variable, a port, a second instance)
FAILURE = 1  # exit code: something that was started failed


class CannotStart(Exception):
    """Start-up ends here. `exit_code` is the launcher's."""

    def __init__(self, message: str, exit_code: int = FAILURE) -> None:
        super().__init__(message)
        self.exit_code = exit_code
