"""A small soak; `make soak` is the large one."""

from rich.console import Console

from tests.local.terminal import Reporter
from tests.soak.load import Load
from tests.soak.run import Soak

from .scene import Scene

SMALL = Load(
    uploads=12,
    quota=4,
    kill_seconds=1.2,
    sweep_seconds=3,
    visibility_seconds=4,
    job_milliseconds=150,
    limit_seconds=55,
)


def test_twelve_models_under_quota_throttles_lost_answers_and_killed_functions(scene: Scene) -> None:
    soak = Soak(scene.stack, SMALL, Reporter(Console(quiet=True)), scene.key("three", "models").removesuffix(".tar.gz"))
    assert soak.run(), soak.rows
