"""Training: the loop, its history, metrics, and the folder that a run leaves behind."""

from tinygrad_np._arrays import load_arrays, save_arrays
from tinygrad_np.train.config import Config, OptionError
from tinygrad_np.train.fit import DivergedError, Score, evaluate, fit, predict_logits
from tinygrad_np.train.history import Epoch, History
from tinygrad_np.train.metrics import ClassScores, accuracy, confusion_matrix, log_loss, precision_recall_f1
from tinygrad_np.train.progress import progress
from tinygrad_np.train.run import Run, run
from tinygrad_np.train.run_folder import Report, load_model, new_folder, write_report

__all__ = [
    "ClassScores", "Config", "DivergedError", "Epoch", "History", "OptionError", "Report", "Run", "Score", "accuracy",
    "confusion_matrix", "evaluate", "fit", "load_arrays", "load_model", "log_loss", "new_folder", "precision_recall_f1",
    "predict_logits", "progress", "run", "save_arrays", "write_report",
]  # fmt: skip
