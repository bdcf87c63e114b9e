"""Make the pictures of README and docs: ``python docs/pictures/make.py``.

It needs the extra ``train`` and Graphviz; the picture of a page is only made where Chromium is.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from tinygrad_np import Tensor, cli, nn
from tinygrad_np import functional as F
from tinygrad_np.draw import Drawing, draw

HERE = Path(__file__).parent


def loss_of_the_readme() -> Tensor:
    """The ten lines."""
    x = Tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], name="x")
    y = np.array([0, 1, 1])
    w = Tensor(np.zeros((2, 2)), requires_grad=True, name="w")
    z = x @ w
    return np.mean(np.log(np.sum(np.exp(z), axis=1)) - z[np.arange(3), y])


def backward_of_a_network() -> Drawing:
    """For docs/drawing.md: forward and backward side by side."""
    model = nn.MLP([64, 32, 10], "tanh", rng=0)

    def loss(images: Tensor, labels: np.ndarray) -> Tensor:
        return F.softmax_cross_entropy(model(images), labels)

    return draw(loss, np.zeros((16, 64), np.float32), np.arange(16) % 10, backward=True)


if __name__ == "__main__":
    draw(loss_of_the_readme()).save(HERE / "loss.svg")
    backward_of_a_network().save(HERE / "backward.svg")
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        cli.main(["train", "--quiet", "--out", str(run)])
        for name in ("cost.png", "predictions.png"):
            shutil.copy(run / name, HERE / name)
    with tempfile.TemporaryDirectory() as folder:
        for example in ("one_neuron", "two_moons", "digits_by_layer"):
            subprocess.run([sys.executable, HERE.parent.parent / "examples" / f"{example}.py", folder], check=True)
        for suffix in ("svg", "png"):
            for picture in Path(folder).glob(f"*.{suffix}"):
                shutil.copy(picture, HERE / picture.name)
        if chromium := shutil.which("chromium"):
            page = (Path(folder) / "one_neuron.html").as_uri() + "#step=8"
            options = ["--headless", "--no-sandbox", "--hide-scrollbars", "--window-size=1280,800"]
            command = [chromium, *options, f"--screenshot={HERE / 'page.png'}", page]
            subprocess.run(command, check=True, stderr=subprocess.DEVNULL)  # it speaks of buses and displays
