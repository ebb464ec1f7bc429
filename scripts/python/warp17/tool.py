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
import traceback
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, TextIO, Type

from . import __version__, junit, report, results
from .connection import token_in
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
    written(sys.stderr, f"{tool}: error: {e}\n", OSError)


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
        written(sys.stderr, f"{tool}: interrupted\n", OSError)
        return results.INTERRUPTED
    except Exception:  # Python would end with 1, as for a test case that failed
        written(sys.stderr, traceback.format_exc(), OSError)
        complain(tool, "the lines above are a mistake of this program, not of what was tested: please report them")
        return INVALID


def written(out: TextIO, text: str, passed_over: Type[OSError] = BrokenPipeError) -> None:
    """To a screen or a pipe. Who reads no more has read enough, and the run goes on; OSError for what is not passed over, such as
    a full disk."""
    try:
        out.write(text)
        out.flush()
    except passed_over:  # nor shall Python complain at its end
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, out.fileno())
        os.close(nowhere)


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
        written(self.out, f"{self.tool}: {text}\n", OSError)

    def due(self, states: List[str], past: float) -> bool:
        """Is it time for lines? states: of all test cases; past: seconds since the start."""
        if not self.live and states == self.states and past - self.said < PLAIN_EVERY_S:
            return False
        self.said, self.states = past, states
        return True

    def width(self) -> int:
        try:
            return os.get_terminal_size(self.out.fileno()).columns or 80
        except OSError:  # it is gone
            return 80

    def draw(self, lines: Sequence[str]) -> None:
        if self.live:
            up = f"\033[{self.drawn}A" if self.drawn else ""
            written(self.out, up + "".join(f"\r\033[K{text[:self.width() - 1]}\n" for text in lines), OSError)
            self.drawn = len(lines)
        else:
            written(self.out, "".join(f"{text}\n" for text in lines), OSError)


# ---- arguments and files

def parser(tool: str, about: str, codes: str, plan: str) -> argparse.ArgumentParser:
    """With what the commands that run a plan have in common. plan: what it is called."""
    p = argparse.ArgumentParser(tool, description=about, epilog=codes, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("plan", nargs="?", metavar=plan, help="what to do")
    p.add_argument("--validate", action="store_true", help="only check the plan")
    p.add_argument("--schema", action="store_true", help="print the JSON Schema of plans")
    p.add_argument("--output", metavar="DIR", type=pathlib.Path, help=f"where files go (default {tool}-<time>)")
    p.add_argument("--force", action="store_true", help="write over files that are there")
    p.add_argument("--duration", metavar="S", type=seconds, help="seconds that tests run at least, instead of the plan's")
    p.add_argument("--timeout", metavar="S", type=some_seconds, help="seconds after which what is not over has failed, instead of the plan's")
    p.add_argument("--json", action="store_true", help="print the result document, not a summary")
    p.add_argument("-q", "--quiet", action="store_true", help="no progress")
    p.add_argument("-V", "--version", action="version", version=f"{tool} {__version__}")
    return p


def times_of(a: argparse.Namespace) -> Dict[str, float]:
    """What is given instead of the plan's, for dataclasses.replace()."""
    return {k: v for k, v in (("duration", a.duration), ("timeout", a.timeout)) if v is not None}


def seconds(text: str, least: float = 0) -> float:
    """A type for argparse."""
    value = float(text) if text.replace(".", "", 1).isdigit() else -1
    if not least <= value <= 2000000:
        raise argparse.ArgumentTypeError(f"{text!r} given, expected seconds, {least}..2000000")
    return value


def some_seconds(text: str) -> float:
    """The same, not 0: as the plans' timeout."""
    return seconds(text, 1)


def token_of(path: Optional[pathlib.Path]) -> Optional[str]:
    """What --token-file holds. Raises PlanError."""
    if path is None:
        return None
    try:
        return token_in(path)
    except ValueError as e:
        raise PlanError([f"--token-file {e}"]) from e


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
    if output is None and path.exists():  # of a run that began in this very second
        path = path.with_name(f"{path.name}-{os.getpid()}")
    there = [n for n in WRITERS if (path / n).exists()]
    if there and not force:
        raise PlanError([f"{path / there[0]} is there already: another --output, or --force"])
    try:
        path.mkdir(parents=True, exist_ok=output is not None)
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


def unwritten(doc: results.Document, to: pathlib.Path) -> List[str]:
    """Writes the files of a result document; a sentence for each that could not be written."""
    missing = []
    for name, write in WRITERS.items():
        try:
            write(doc, to / name)
        except OSError as e:
            missing.append(f"{to / name}: {e.strerror or e}")
    return missing


def told(doc: results.Document, to: pathlib.Path, as_json: bool, more: Sequence[str] = ()) -> int:
    """Writes the files of a result document, prints it or its summary (with more lines), and returns its exit status: INVALID
    where a file could not be written, which is said."""
    try:
        missing = unwritten(doc, to)
    except KeyboardInterrupt:  # a run is not lost for that
        unwritten(doc, to)
        raise
    text = json.dumps(doc, allow_nan=False) if as_json else "\n".join(
        [*(f"  {r}" for r in doc["reasons"]), *(f"  warning: {r}" for r in doc["warnings"]), *more,
         f"{results.headline(doc)}; {to / 'report.html'}"])
    written(sys.stdout, text + "\n")
    for sentence in missing:
        complain(doc["tool"]["name"], sentence)
    return INVALID if missing else int(doc["exit_code"])
