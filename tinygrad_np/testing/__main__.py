"""``python -m tinygrad_np.testing mutate``: which mistakes in derivatives would the tests notice?"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path


def main(arguments: list[str] | None = None) -> int:
    """Run the command; the exit status is 1 if a mutant survives."""
    parser = argparse.ArgumentParser(
        prog="python -m tinygrad_np.testing", description="Test your tests of derivatives."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    mutate = commands.add_parser(
        "mutate", help="break each rule in turn, and see which tests notice",
        description="Break each rule of a module's operations in turn, and report which of pytest's tests notice.",
    )  # fmt: skip
    option = mutate.add_argument
    option("--module", default="tinygrad_np.rules", help="a module or package with operations; default: %(default)s")
    option("--only", metavar="NAME", action="append", help="break only this operation, module or function; repeatable")
    option("--tests", metavar="PATH", nargs="+", default=[], help="what pytest shall collect; default: its own default")
    option("--equivalent", metavar="FILE", type=Path, help="a TOML file of mutants that nothing can notice")
    option("--json", metavar="FILE", type=Path, help="keep results here, and know from here what has died before")
    option("--fresh", action="store_true", help="forget what is in that file")
    option("--jobs", metavar="N", type=int, default=1, help="how many mutants at a time")
    option("--list", action="store_true", help="only list the mutants")
    options = parser.parse_args(arguments)
    sys.path.insert(0, os.getcwd())
    return _mutate(options)


def _mutate(options: argparse.Namespace) -> int:
    from tinygrad_np.testing.mutation.mutants import mutants_of
    from tinygrad_np.testing.mutation.results import Results
    from tinygrad_np.testing.mutation.scores import measure, read_equivalents
    from tinygrad_np.testing.mutation.subjects import Subject, load, operations_of, subjects
    from tinygrad_np.testing.mutation.suites import with_tests

    load(options.module)
    found = subjects(operations_of(options.module), options.module)
    if not found:
        print(f"{options.module} has no operations with rules", file=sys.stderr)
        return 2

    def wanted(subject: Subject) -> bool:
        rules = [name for rule in subject.rule_of for name in (rule, rule.rpartition(".")[0])]
        names = {subject.name, *subject.name.split("."), *rules, subject.functions[0].__module__}
        return not options.only or not names.isdisjoint(options.only)

    if options.list:
        for subject in filter(wanted, found):
            for mutant in mutants_of(subject):
                print(f"{mutant.kind:10} {mutant.name}")
        return 0
    equivalent = read_equivalents(options.equivalent) if options.equivalent else {}
    result = with_tests(
        options.tests,
        lambda tests: measure(
            found, tests, equivalent, jobs=options.jobs, only=wanted, results=Results(options.json, options.fresh),
            progress=lambda line: print(line, file=sys.stderr, flush=True),
        ),
    )  # fmt: skip
    print(result)
    return int(bool(result.survivors))


if __name__ == "__main__":
    sys.exit(main())
