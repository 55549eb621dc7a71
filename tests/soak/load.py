"""How much is uploaded, and what goes wrong meanwhile."""

from dataclasses import dataclass

TARGETS = 3  # of rule three-targets in tests/e2e/automation.yaml


@dataclass(frozen=True)
class Load:
    """A soak; the default is the one that docs/SEMANTICS.md tells of."""

    uploads: int = 300
    quota: int = 20  # jobs that may run at a time
    throttled_percent: int = 10  # of the requests to SageMaker
    dropped_percent: int = 5  # of them; half of these after they took effect
    kill_seconds: float = 4.0  # between two functions killed
    sweep_seconds: float = 15.0  # between two sweeps; on AWS a minute
    visibility_seconds: int = 20  # until a killed function's batch comes again; on AWS up to half an hour
    job_milliseconds: int = 400
    limit_seconds: float = 1500.0

    @property
    def jobs(self) -> int:
        """One for each target of each upload."""
        return self.uploads * TARGETS
