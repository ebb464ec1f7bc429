"""An engine of this machine, from its start to its end, by the launcher (scripts/warp17)."""
from __future__ import annotations

import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time
from typing import Dict, List, Mapping, Optional, Sequence, Union

from .errors import LaunchFailed

Option = Union[str, int, bool, None]
READY_S = 20.0  # the RPC server's
STOPS = 10


def launcher() -> str:
    """WARP17_LAUNCHER, or that of the tree or of the place we are installed in, or of PATH. LaunchFailed if there is none."""
    up = pathlib.Path(__file__).resolve().parents
    near = [up[2] / "warp17", *([up[4] / "bin/warp17"] if len(up) > 4 else [])]
    asked = os.environ.get("WARP17_LAUNCHER")
    for path in [asked] if asked else [*map(str, near), shutil.which("warp17") or ""]:
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    raise LaunchFailed(f"{asked or 'scripts/warp17'} is no launcher: set WARP17_LAUNCHER")


class LocalEngine:
    """A running engine and its RPC server, which listens at address. stop() ends both.

    args, options  the engine's: ("--qmap", "0.0x1"), ring_if_pairs=1, sw_checksum=True
    eal            arguments of the EAL, such as ("-l", "0-2")
    prefix         its name among the engines of this machine; one of its own when left out
    config         a warp17.conf; none when left out
    timeout        seconds until it has to be READY

    Raises LaunchFailed with what the launcher said; nothing is left running then.
    """

    def __init__(self, *args: str, eal: Sequence[str] = (), prefix: Optional[str] = None,
                 config: Union[str, "os.PathLike[str]", None] = None, timeout: float = 60, **options: Option) -> None:
        self.prefix = prefix or f"py{os.getpid()}-{os.urandom(3).hex()}"
        self._launcher = launcher()
        self._dir = pathlib.Path(tempfile.mkdtemp(prefix="warp17-"))
        self._server: Optional[subprocess.Popen[bytes]] = None
        self._running = False
        self.log = self._dir / f"{self.prefix}.log"
        self.address = f"unix:{self._dir}/rpc"
        self._env: Dict[str, str] = {**os.environ, "WARP17_CONFIG": str(config or os.devnull), "WARP17_LOG_DIR": str(self._dir),
                                     "WARP17_START_TIMEOUT": str(max(1, round(timeout)))}
        try:
            words = [*eal, "--"] if eal else []
            self._running = True  # also while it starts: who is interrupted then has to end it
            done = self._launch("start", *words, *args, *option_words(options))
            if done.returncode != 0:
                self._running = False  # the launcher took back what it did, and one of that prefix may be another's
                raise LaunchFailed(said(done.stderr) or f"the launcher ended with {done.returncode}", data={"exit_code": done.returncode})
            match = re.search(r"READY .*\bpid=(\d+)", done.stdout)
            self.pid = int(match[1]) if match else 0
            self._serve()
        except BaseException:
            self.stop()
            raise

    def _launch(self, command: str, *args: str) -> "subprocess.CompletedProcess[str]":
        words = [self._launcher, command, "--prefix", self.prefix, *args]
        # a stop is of a session of its own: a second Ctrl-C would end it, and not the engine
        with subprocess.Popen(words, env=self._env, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, start_new_session=command == "stop") as p:
            try:
                out, err = p.communicate()
            except BaseException:  # interrupted: told so, it takes back what it did; killed, it could not
                p.terminate()
                p.wait()
                raise
        return subprocess.CompletedProcess(words, p.returncode, out, err)

    def _serve(self) -> None:
        log = self._dir / "rpc.log"
        with open(log, "wb") as out:  # a session of its own: Ctrl-C is for us, who then end it
            self._server = subprocess.Popen([self._launcher, "rpc", self.address, "--prefix", self.prefix], env=self._env,
                                            stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True)
        end = time.monotonic() + READY_S
        while b"RPC READY" not in log.read_bytes():
            if self._server.poll() is not None or time.monotonic() > end:
                raise LaunchFailed(said(log.read_text()) or f"the RPC server was not READY within {READY_S:g} s")
            time.sleep(0.02)

    def stop(self) -> None:
        """Ends traffic with FIN, then engine and server; gives hugepages back. Again it does nothing. Raises LaunchFailed
        when the engine does not end. KeyboardInterrupt is raised when all that is done: nobody else would do it."""
        try:
            self._end()
        except KeyboardInterrupt:
            self._end()
            raise

    def _end(self) -> None:
        done = self._stopped() if self._running else None
        if self._server is not None:
            try:
                self._server.wait(10)
            except subprocess.TimeoutExpired:
                self._server.kill()
                self._server.wait()
        shutil.rmtree(self._dir, ignore_errors=True)
        self._running = False
        if done is not None and done.returncode != 0:
            raise LaunchFailed(said(done.stderr) or f"warp17 stop ended with {done.returncode}")

    def _stopped(self) -> "subprocess.CompletedProcess[str]":
        """What the launcher's stop came to. A Ctrl-C that found it before it had its session ends it: once more then."""
        for _ in range(STOPS):
            done = self._launch("stop")
            if done.returncode >= 0:
                break
        return done


def option_words(options: Mapping[str, Option]) -> List[str]:
    """ring_if_pairs=1 as --ring-if-pairs 1, sw_checksum=True as --sw-checksum; None and False are left out."""
    words: List[str] = []
    for name, value in options.items():
        if value is None or value is False:
            continue
        words.append("--" + name.replace("_", "-"))
        if value is not True:
            words.append(str(value))
    return words


def said(text: str) -> str:
    """The sentence of an error among what a program wrote; else the last line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return next((line for line in lines if "error:" in line), lines[-1] if lines else "")
