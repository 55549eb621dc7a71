"""Generates the examples in docs/NOTIFICATIONS.md from test snapshots.

To update the page, run `python -m tests.notifications`.
"""

import json
from typing import Any

from tests.local.environment import ROOT

PAGE = ROOT / "docs/NOTIFICATIONS.md"
SNAPSHOTS = "shared/notifications/src/**/*__documents*.snap"
BEGIN = "<!-- written -->\n"


def read_documents() -> list[dict[str, Any]]:
    """Reads the notifications from the snapshots."""
    found: list[dict[str, Any]] = []
    for path in sorted(ROOT.glob(SNAPSHOTS)):
        # The header of a snapshot ends with the second line of dashes.
        found += json.loads(path.read_text().split("---\n", 2)[2])
    return found


def render_page() -> str:
    """Returns the page with up-to-date examples."""
    head, _, _ = PAGE.read_text().partition(BEGIN)
    parts = [head + BEGIN]
    found = read_documents()
    for kind in dict.fromkeys(document["type"] for document in found):
        parts.append(f"\n## {kind}\n")
        for document in (document for document in found if document["type"] == kind):
            body = document["text"].strip("\n").replace("```", "'''")
            parts.append(f"\n**{document['subject']}** ({document['severity']})\n\n```text\n{body}\n```\n")
    return "".join(parts)


if __name__ == "__main__":
    PAGE.write_text(render_page())
