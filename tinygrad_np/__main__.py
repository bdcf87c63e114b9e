"""``python -m tinygrad_np``: the command line, where the script ``tinygrad-np`` is not on the path."""

import sys

from tinygrad_np.cli import main

if __name__ == "__main__":
    sys.exit(main(prog="python -m tinygrad_np"))
