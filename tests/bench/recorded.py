"""The ratios that were recorded, and what is worse now. For every ratio, less is better."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path

RECORDED = Path(__file__).with_name("recorded.json")

# Above the recorded ratio by more than this is a regression, not noise.
TOLERANCE = 1.25


def find_regressions(name: str, ratios: Mapping[str, float], recorded: Mapping[str, float]) -> list[str]:
    """Returns a sentence for each ratio that is worse than the recorded one."""
    return [
        f"{name}: {ratio} is {value:.3f}, recorded: {recorded[ratio]:.3f}"
        for ratio, value in ratios.items()
        if ratio in recorded and value > recorded[ratio] * TOLERANCE
    ]


def check_ratios(measured: Mapping[str, Mapping[str, float]], record: bool) -> int:
    """Prints regressions and returns the exit code; or records the ratios."""
    recorded = json.loads(RECORDED.read_text())
    if record:
        for name, ratios in measured.items():
            recorded[name] = {ratio: round(value, 3) for ratio, value in ratios.items()}
        RECORDED.write_text(json.dumps(recorded, indent=2) + "\n")
        return 0
    worse = [
        line for name, ratios in measured.items() for line in find_regressions(name, ratios, recorded.get(name, {}))
    ]
    for line in worse:
        print(f"error: {line}. Fix: find the cause, or record the new ratios with --record", file=sys.stderr)
    return 1 if worse else 0
