"""A classifier of handwritten digits, drawn folded by layer, and what its layers see as they learn.

Run it: ``python examples/digits_by_layer.py [folder]`` (needs the extra ``train``). It writes

- ``digits_folded.svg``, in which each layer is one box, and ``digits_open.svg``, with the second layer open;
- ``digits.html``, a page that opens and closes them;
- ``digits_gradients.png`` and ``digits_activations.png``.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from tinygrad_np import Tensor, nn, optim, plot
from tinygrad_np import functional as F
from tinygrad_np.data import digits, split
from tinygrad_np.draw import draw
from tinygrad_np.train import evaluate, fit


def main(folder: Path, epochs: int = 15) -> None:
    """Train, and draw."""
    training, validation, test = split(digits(), rng=0)
    model = nn.MLP([64, 32, 16, 10], rng=0)
    recorder = plot.Recorder(model, validation.x, validation.y)
    optimizer = optim.Adam(model.parameters(), 3e-3)
    fit(model, training, validation, optimizer=optimizer, epochs=epochs, rng=0, callbacks=[recorder])
    print(f"{evaluate(model, test).accuracy:.1%} of the test examples are right")
    plot.save_png(plot.gradient_histograms(recorder), folder / "digits_gradients.png")
    plot.save_png(plot.activation_histograms(recorder), folder / "digits_activations.png")

    def loss(x: Any, y: Any) -> Tensor:
        return F.softmax_cross_entropy(model(x), y)

    batch = training.x[:32], training.y[:32]
    draw(loss, *batch, depth=1).save(folder / "digits_folded.svg")
    draw(loss, *batch, depth=1, open="model.layers.1").save(folder / "digits_open.svg")
    draw(loss, *batch, depth=1, values=True, grads=True).save(folder / "digits.html")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
