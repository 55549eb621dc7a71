"""Background servers: started, found again in a later run, stopped with their children."""

import contextlib
import fcntl
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .errors import LocalError

HOST = "127.0.0.1"
START_SECONDS = 30.0
STOP_SECONDS = 5.0


def treat_signals_as_interrupt() -> None:
    """Handles SIGTERM and SIGHUP like Ctrl-C, so that servers are stopped in these cases, too."""
    for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(sign, signal.default_int_handler)


def find_free_port(variable: str) -> int:
    """Returns the port in the environment variable, or any free port if it is not set."""
    wanted = os.environ.get(variable, "0")
    if not wanted.isdigit():
        raise LocalError(f"expected a port number in {variable}, found {wanted!r}")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, int(wanted)))
        except OSError:
            raise LocalError(
                f"port {wanted} is in use. Fix: stop the process that listens on it, or set {variable} to another port"
            ) from None
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Server:
    """A background process.

    It locks a file while it runs, so that a reused pid is never mistaken for it.
    """

    name: str
    state: Path

    @property
    def log_file(self) -> Path:
        return self.state / "logs" / f"{self.name}.log"

    @property
    def _pid_file(self) -> Path:
        return self.state / f"{self.name}.pid"

    def start_process(self, command: Sequence[str], env: Mapping[str, str], healthy: str) -> None:
        """Starts the process in its own session and waits until the URL responds."""
        self.log_file.parent.mkdir(parents=True, exist_ok=True)
        with self._pid_file.open("a") as pid, self.log_file.open("wb") as log:
            fcntl.flock(pid, fcntl.LOCK_EX | fcntl.LOCK_NB)
            pid.truncate(0)
            process = subprocess.Popen(
                command,
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=[pid.fileno()],
            )
            pid.write(str(process.pid))
        deadline = time.monotonic() + START_SECONDS
        while not is_answering(healthy):
            if process.poll() is not None:
                raise LocalError(
                    f"{self.name} exited immediately with status {process.returncode}; see {self.log_file}"
                )
            if time.monotonic() > deadline:
                raise LocalError(
                    f"{self.name} did not respond at {healthy} within {START_SECONDS:.0f} s; see {self.log_file}"
                )
            time.sleep(0.05)

    def is_running(self) -> bool:
        """Whether the process is running, in whichever run it was started."""
        try:
            with self._pid_file.open() as pid:
                fcntl.flock(pid, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False

    def stop_process(self) -> bool:
        """Stops the process and its children. Returns False if it was not running."""
        was_running = self.is_running()
        if was_running:
            group = int(self._pid_file.read_text())
            _signal_group(group, signal.SIGTERM)
            deadline = time.monotonic() + STOP_SECONDS
            while self.is_running() and time.monotonic() < deadline:
                time.sleep(0.02)
            _signal_group(group, signal.SIGKILL)  # remaining children, or the process itself if it hangs
        self._pid_file.unlink(missing_ok=True)
        return was_running


def _signal_group(group: int, sign: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, sign)


def is_answering(url: str) -> bool:
    """Whether a server responds at the URL, with any status."""
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=2):
            return True
    except urllib.error.HTTPError:
        return True
    except (OSError, ValueError):
        return False
