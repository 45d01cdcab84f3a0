"""`make bench`: every measurement, one after the other; about ten minutes. Nothing else should run meanwhile."""

from __future__ import annotations

import subprocess
import sys

STEPS = [
    ("The local server beside llama.cpp itself", ["bench.tgi_engine", "--repeats", "5"]),
    ("The local server's other engine", ["bench.transformers_engine"]),
    ("Reading one token of a chat stream", ["bench.parsers"]),
    ("Whole short turns", ["bench.turns"]),
    ("The pages of a long conversation", ["bench.pages"]),
    ("Searching 100,000 interactions", ["bench.search"]),
    ("300 calls of the API that wait five seconds for the model", ["bench.waiting"]),
    ("Answers at 50 tokens a second each", ["bench.streaming", "--processes", "2"]),
    (
        "Answers at 100 tokens a second each",
        ["bench.streaming", "--levels", "300", "--tokens", "500", "--tokens-per-second", "100", "--processes", "2"],
    ),
]


def main() -> int:
    for title, command in STEPS:
        print(f"\n{title}: python -m {' '.join(command)}", flush=True)
        code = subprocess.run([sys.executable, "-m", *command], check=False).returncode
        if code:
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main())
