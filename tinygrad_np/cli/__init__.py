"""The command line: ``tinygrad-np train``, ``predict``, ``evaluate`` ... A module for each command."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence

from tinygrad_np import __version__
from tinygrad_np.cli import check, compare, draw, evaluate, predict, train
from tinygrad_np.cli.parser import Failure, Parser, say
from tinygrad_np.data import DataError
from tinygrad_np.train import OptionError

__all__ = ["main"]

COMMANDS = {"train": train, "predict": predict, "evaluate": evaluate, "compare": compare, "check": check, "draw": draw}


def main(argv: Sequence[str] | None = None, prog: str = "tinygrad-np") -> int:
    """Run the command line; returns the exit status.

    0: done. 1: training failed, or a result could not be written. 2: an option, a file or the installation is wrong,
    and nothing was written. 130: interrupted.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal without this letter is no reason to fail
            stream.reconfigure(errors="replace")
    parser = _parser(prog)
    arguments = parser.parse_args(argv)
    if arguments.command is None:
        parser.print_help()
        return 0
    command = f"{prog} {arguments.command}"
    arguments.argv = [*(sys.argv[1:] if argv is None else argv)][1:]
    try:
        COMMANDS[arguments.command].run(arguments, command)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read our output has had enough: not an error worth a traceback
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return say(command, "interrupted", 130)
    except Failure as error:
        return say(command, str(error), error.status)
    except OptionError as error:
        return say(command, f"--{error.option.replace('_', '-')} {error.problem}", 2)
    except (DataError, ImportError) as error:
        return say(command, str(error), 2)
    except OSError as error:
        if error.filename is None:
            raise
        return say(command, f"{error.filename}: {error.strerror}", 2)
    return 0


def _parser(prog: str) -> Parser:
    parser = Parser(
        prog=prog,
        description="Train a network on your data, look at what it learnt, and let it predict.",
        epilog=f"Begin with: {prog} train       All about a command: {prog} COMMAND --help",
    )
    parser.add_argument("--version", action="version", version=f"tinygrad_np {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for command in COMMANDS.values():
        command.add(commands, prog)
    return parser
