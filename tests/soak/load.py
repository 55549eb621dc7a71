"""The size of a soak test and the faults that it injects."""

from dataclasses import dataclass

TARGETS = 3  # number of targets of rule three-targets in tests/e2e/automation.yaml


@dataclass(frozen=True)
class Load:
    """Parameters of a soak test. docs/SEMANTICS.md describes the test with the defaults."""

    uploads: int = 300
    quota: int = 20  # maximum number of concurrent jobs
    throttled_percent: int = 10  # percentage of throttled requests to SageMaker
    dropped_percent: int = 5  # percentage of dropped connections; half of them after the request took effect
    kill_seconds: float = 4.0  # seconds between two kills
    sweep_seconds: float = 15.0  # seconds between two sweeps; on AWS 60
    visibility_seconds: int = 20  # until a killed function's batch is redelivered; on AWS up to 30 min
    job_milliseconds: int = 400
    lag_milliseconds: int = 1000  # how long SageMaker still shows a job as it was before a change
    limit_seconds: float = 1500.0

    @property
    def jobs(self) -> int:
        """Expected number of jobs: one per upload and target."""
        return self.uploads * TARGETS
