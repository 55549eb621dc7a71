"""Servers in the background: started, known again in a later run, and stopped with all their children."""

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


def interrupt_on_every_end() -> None:
    """Takes a kill and a closed terminal for ctrl-C, so that servers are stopped then, too."""
    for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(sign, signal.default_int_handler)


def free_port(variable: str) -> int:
    """The port that environment variable asks for, else any free one."""
    wanted = os.environ.get(variable, "0")
    if not wanted.isdigit():
        raise LocalError(f"{variable} is a port number, not {wanted!r}")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, int(wanted)))
        except OSError:
            raise LocalError(
                f"port {wanted} is in use: stop what listens there, or set {variable} to another port"
            ) from None
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Server:
    """A process of ours. It holds a lock on a file for as long as it lives, so a reused pid is never taken for it."""

    name: str
    state: Path

    @property
    def log(self) -> Path:
        return self.state / "logs" / f"{self.name}.log"

    @property
    def _pid(self) -> Path:
        return self.state / f"{self.name}.pid"

    def start(self, command: Sequence[str], env: Mapping[str, str], healthy: str) -> None:
        """Starts it in a session of its own and waits until the URL answers."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self._pid.open("a") as pid, self.log.open("wb") as log:
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
        while not answers(healthy):
            if process.poll() is not None:
                raise LocalError(f"{self.name} ended at once with status {process.returncode}: see {self.log}")
            if time.monotonic() > deadline:
                raise LocalError(f"{self.name} did not answer {healthy} in {START_SECONDS:.0f} s: see {self.log}")
            time.sleep(0.05)

    def running(self) -> bool:
        """Whether it is alive, whoever started it."""
        try:
            with self._pid.open() as pid:
                fcntl.flock(pid, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False

    def stop(self) -> bool:
        """Ends it and its children. False: it was not running."""
        alive = self.running()
        if alive:
            group = int(self._pid.read_text())
            _signal(group, signal.SIGTERM)
            deadline = time.monotonic() + STOP_SECONDS
            while self.running() and time.monotonic() < deadline:
                time.sleep(0.02)
            _signal(group, signal.SIGKILL)  # what is left of it: children, or itself when it hangs
        self._pid.unlink(missing_ok=True)
        return alive


def _signal(group: int, sign: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, sign)


def answers(url: str) -> bool:
    """Whether a server answers there, with whatever status."""
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=2):
            return True
    except urllib.error.HTTPError:
        return True
    except (OSError, ValueError):
        return False
