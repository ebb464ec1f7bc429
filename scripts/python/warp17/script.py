"""How a script ends, whatever happens in it."""
from __future__ import annotations

import signal
import sys
from typing import Callable, NoReturn

from .errors import Warp17Error

INTERRUPTED = 130


def run_script(main: Callable[[], int]) -> NoReturn:
    """Calls main() and ends the process with the status that it returns.

    A Warp17Error is told on stderr, and its exit_code is the status. Ctrl-C and SIGTERM are a KeyboardInterrupt in main(), so
    that an engine which it started ends too; the status is 130 then.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        sys.exit(main())
    except Warp17Error as e:
        print(f"error: {e}", file=sys.stderr)
        sys.exit(e.exit_code)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
