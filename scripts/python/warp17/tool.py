"""What the commands warp17-run, warp17-fleet and warp17-search have in common: signals, progress, files, exit status."""
from __future__ import annotations

import argparse
import contextlib
import json
import os
import pathlib
import shlex
import signal
import sys
import time
from typing import Any, Callable, Iterator, List, Optional, Sequence, TextIO

from . import junit, report, results
from .errors import LaunchFailed, Warp17Error
from .plan import PlanError

INVALID, NO_ENGINE, NO_ANSWER = 2, 3, 5
WRITERS = {"result.json": results.write_json, "series.csv": results.write_csv, "junit.xml": junit.write_junit,
           "report.html": report.write_html}
PLAIN_EVERY_S = 5.0


# ---- the end

@contextlib.contextmanager
def signals_end_us() -> Iterator[None]:
    """SIGTERM and SIGHUP as Ctrl-C: an engine of ours is ended, what was measured is written. A second one while that is
    done changes nothing."""
    before = {s: signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}

    def end(number: int, frame: Any) -> None:
        for s in before:
            signal.signal(s, lambda *args: None)  # not SIG_IGN, which programs that we start would have too
        raise KeyboardInterrupt

    for s, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(s, end)
    try:
        yield
    finally:
        for s, handler in before.items():
            signal.signal(s, handler)


def complain(tool: str, e: object) -> None:
    print(f"{tool}: error: {e}", file=sys.stderr)


def status_of(e: Warp17Error) -> int:
    """The exit status for an error that ends a command: a failed test case is 1, so no error is."""
    if isinstance(e, LaunchFailed):
        return e.exit_code if e.exit_code in (INVALID, NO_ANSWER) else NO_ENGINE
    return INVALID if e.exit_code == 1 else e.exit_code


def ended(tool: str, work: Callable[[], int], status: Callable[[Warp17Error], int] = status_of) -> int:
    """The exit status of work(), or of what it raises, which is said."""
    try:
        with signals_end_us():
            return work()
    except PlanError as e:
        for problem in e.problems:
            complain(tool, problem)
        return INVALID
    except Warp17Error as e:
        complain(tool, e)
        return status(e)
    except (ValueError, OSError) as e:  # an address that is none, a file that cannot be written
        complain(tool, e)
        return INVALID
    except KeyboardInterrupt:
        return results.INTERRUPTED


# ---- progress

class Screen:
    """Progress on standard error: redrawn on a terminal, else lines every few seconds and whenever a state changes."""

    def __init__(self, tool: str, out: TextIO) -> None:
        self.tool = tool
        self.out = out
        self.live = out.isatty()
        self.drawn = 0
        self.said = 0.0
        self.states: List[str] = []

    def say(self, text: str) -> None:
        self.out.write(f"{self.tool}: {text}\n")
        self.out.flush()

    def due(self, states: List[str], past: float) -> bool:
        """Is it time for lines? states: of all test cases; past: seconds since the start."""
        if not self.live and states == self.states and past - self.said < PLAIN_EVERY_S:
            return False
        self.said, self.states = past, states
        return True

    def draw(self, lines: Sequence[str]) -> None:
        if self.live:
            width = os.get_terminal_size(self.out.fileno()).columns or 80
            up = f"\033[{self.drawn}A" if self.drawn else ""
            self.out.write(up + "".join(f"\r\033[K{text[:width - 1]}\n" for text in lines))
            self.drawn = len(lines)
        else:
            self.out.write("".join(f"{text}\n" for text in lines))
        self.out.flush()


# ---- arguments and files

def seconds(text: str) -> float:
    """A type for argparse."""
    value = float(text) if text.replace(".", "", 1).isdigit() else -1
    if not 0 <= value <= 2000000:
        raise argparse.ArgumentTypeError(f"{text!r} given, expected seconds, 0..2000000")
    return value


def token_of(path: Optional[pathlib.Path]) -> Optional[str]:
    """What --token-file holds. Raises PlanError."""
    if path is None:
        return None
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, ValueError) as e:
        raise PlanError([f"--token-file {path}: {getattr(e, 'strerror', None) or e}"]) from e


def words_of(options: str) -> List[str]:
    """The words of --engine-opts. Raises PlanError."""
    try:
        return shlex.split(options)
    except ValueError as e:
        raise PlanError([f"--engine-opts: {e}"]) from e


@contextlib.contextmanager
def folder(tool: str, output: Optional[pathlib.Path], force: bool) -> Iterator[pathlib.Path]:
    """Where files go: output, or a new one of ours, which goes again when there is nothing to put there. Raises PlanError where
    something would be written over, before anything is started."""
    path = output or pathlib.Path(time.strftime(f"{tool}-%Y%m%d-%H%M%S"))
    there = [n for n in WRITERS if (path / n).exists()]
    if there and not force:
        raise PlanError([f"{path / there[0]} is there already: another --output, or --force"])
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe = path / f".{tool}-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as e:
        raise PlanError([f"{path}: {e.strerror or e}"]) from e
    try:
        yield path
    except BaseException:
        if output is None:
            with contextlib.suppress(OSError):
                path.rmdir()
        raise


def told(doc: results.Document, to: pathlib.Path, as_json: bool, more: Sequence[str] = ()) -> int:
    """Writes the files of a result document, prints it or its summary (with more lines), and returns its exit status."""
    for name, write in WRITERS.items():
        write(doc, to / name)
    if as_json:
        print(json.dumps(doc, allow_nan=False))
    else:
        print("\n".join([*(f"  {r}" for r in doc["reasons"]), *(f"  warning: {r}" for r in doc["warnings"]), *more,
                         f"{results.headline(doc)}; {to / 'report.html'}"]))
    return int(doc["exit_code"])
