"""``python -m tinygrad_np.rules``: what of NumPy is differentiable."""

from __future__ import annotations

import argparse
import json
import sys

from tinygrad_np.coverage import Status, as_markdown, as_text, survey


def main(arguments: list[str] | None = None) -> int:
    """Print the survey; the exit status is 1 if a function of NumPy is unaccounted for."""
    parser = argparse.ArgumentParser(prog="python -m tinygrad_np.rules", description=__doc__)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--markdown", action="store_true", help="tables of the counts and of the refusals")
    form.add_argument("--json", action="store_true", help="a list with one object per function")
    parser.add_argument("--scipy", action="store_true", help="also the ufuncs of scipy.special")
    options = parser.parse_args(arguments)
    entries = survey(options.scipy)
    if options.json:
        print(json.dumps([vars(entry) | {"status": entry.status.value} for entry in entries], indent=1))
    else:
        print(as_markdown(entries) if options.markdown else as_text(entries))
    return int(any(entry.status is Status.MISSING and entry.group != "scipy.special" for entry in entries))


if __name__ == "__main__":
    sys.exit(main())
