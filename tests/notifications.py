"""Generates the examples in docs/NOTIFICATIONS.md from test snapshots.

To update the page, run `python -m tests.notifications`.
"""

import json
from pathlib import Path
from typing import Any

from tests.local.environment import ROOT

PAGE = ROOT / "docs/NOTIFICATIONS.md"
SNAPSHOTS = "shared/notifications/src/**/*__documents*.snap"
CHANNELS = ROOT / (
    "shared/notifications/src/snapshots/"
    "notifications__compilation__tests__chat_and_bus_receive_the_same_notification.snap"
)
BEGIN = "<!-- written -->\n"


def read_snapshot(path: Path) -> Any:
    # The header of a snapshot ends with the second line of dashes.
    return json.loads(path.read_text().split("---\n", 2)[2])


def read_documents() -> list[dict[str, Any]]:
    """Reads the notifications from the snapshots."""
    return [document for path in sorted(ROOT.glob(SNAPSHOTS)) for document in read_snapshot(path)]


def read_head() -> str:
    """Reads the part of the page that is written by hand."""
    return PAGE.read_text().partition(BEGIN)[0]


def render_page() -> str:
    """Returns the page with up-to-date examples."""
    parts = [read_head() + BEGIN]
    found = read_documents()
    for kind in dict.fromkeys(document["type"] for document in found):
        parts.append(f"\n## {kind}\n")
        for document in (document for document in found if document["type"] == kind):
            body = document["text"].strip("\n").replace("```", "'''")
            parts.append(f"\n**{document['subject']}** ({document['severity']})\n\n```text\n{body}\n```\n")
    channels = read_snapshot(CHANNELS)
    for title, name in (("Message to a chat client", "chat"), ("Event on the bus", "event")):
        body = json.dumps(channels[name], indent=2, ensure_ascii=False)
        parts.append(f"\n## {title}\n\n**{channels['event']['detail']['subject']}**\n\n```json\n{body}\n```\n")
    return "".join(parts)


if __name__ == "__main__":
    PAGE.write_text(render_page())
