"""Writes the examples of docs/NOTIFICATIONS.md from the snapshots of the tests: `python -m tests.notifications`."""

import json
from typing import Any

from tests.local.environment import ROOT

PAGE = ROOT / "docs/NOTIFICATIONS.md"
SNAPSHOTS = "shared/automation/src/notification/**/*__documents*.snap"
BEGIN = "<!-- written -->\n"


def documents() -> list[dict[str, Any]]:
    """Every notification that a test has a snapshot of."""
    found: list[dict[str, Any]] = []
    for path in sorted(ROOT.glob(SNAPSHOTS)):
        # The header of a snapshot ends with its second line of dashes.
        found += json.loads(path.read_text().split("---\n", 2)[2])
    return found


def written() -> str:
    """The page as it should be."""
    head, _, _ = PAGE.read_text().partition(BEGIN)
    parts = [head + BEGIN]
    found = documents()
    for kind in dict.fromkeys(document["type"] for document in found):
        parts.append(f"\n## {kind}\n")
        for document in (document for document in found if document["type"] == kind):
            body = document["text"].strip("\n").replace("```", "'''")
            parts.append(f"\n**{document['subject']}** ({document['severity']})\n\n```text\n{body}\n```\n")
    return "".join(parts)


if __name__ == "__main__":
    PAGE.write_text(written())
