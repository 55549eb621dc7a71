"""A small soak test; `make soak` runs the large one."""

from rich.console import Console

from tests.local.terminal import Reporter
from tests.soak.load import Load
from tests.soak.run import Soak

from .harness import Harness

SMALL = Load(
    uploads=12,
    quota=4,
    kill_seconds=1.2,
    sweep_seconds=3,
    visibility_seconds=4,
    job_milliseconds=150,
    limit_seconds=120,
)


def test_twelve_models_survive_quota_throttling_and_kills(harness: Harness) -> None:
    soak = Soak(
        harness.stack,
        SMALL,
        Reporter(Console(quiet=True)),
        harness.object_key("three", "models").removesuffix(".tar.gz"),
    )
    soak.run_load()
    assert [row for row in soak.rows if row[1] != row[2]] == []
    assert soak.rows
