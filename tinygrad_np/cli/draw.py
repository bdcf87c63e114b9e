"""``tinygrad-np draw``: a picture of what a trained network computes."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_np.cli.options import model_argument
from tinygrad_np.cli.parser import Commands, Failure
from tinygrad_np.draw import draw, summary
from tinygrad_np.tensor import Tensor
from tinygrad_np.train import load_model

__all__ = ["add", "run"]


def add(commands: Commands[Any], prog: str) -> None:
    """Declare the command and its options."""
    parser = commands.add_parser(
        "draw",
        help="a picture and a table of the layers of a trained network",
        usage="%(prog)s MODEL [options]",
        description="""\
Print the layers of a trained network, and draw the graph of what it computes for a batch.""",
        epilog=f"""\
examples:
  {prog} draw model.npz
  {prog} draw model.npz --out network.svg""",
    )
    model_argument(parser)
    out = "where to draw: a new .svg, .png or .pdf (which needs Graphviz), or .dot (nowhere: only print the layers)"
    parser.add_argument("--out", type=Path, metavar="FILE", help=out)
    parser.add_argument("--batch-size", type=int, default=32, metavar="N", help="examples in the batch (%(default)s)")


def run(arguments: argparse.Namespace, command: str) -> None:
    """Print, and draw."""
    out: Path | None = arguments.out
    if arguments.batch_size < 1:
        raise Failure(f"--batch-size must be at least 1, not {arguments.batch_size}")
    if out is not None and out.exists():
        raise Failure(f"--out {out} exists already, and nothing is overwritten: give another name")
    predictor = load_model(arguments.model)
    x = np.zeros((arguments.batch_size, predictor.n_inputs), predictor.dtype)
    print(summary(predictor.model, x))
    if out is None:
        return
    logits = predictor.model(Tensor(x, name="x"))
    try:
        draw(logits, names=dict(predictor.model.named_parameters())).save(out)
    except (ValueError, RuntimeError) as error:
        raise Failure(f"--out {out}: {error}") from None
    print(f"\nWritten to {out}")
