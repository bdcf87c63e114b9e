"""Training: the loop, its history, metrics, and the folder that a run leaves behind."""

from tinygrad_np._arrays import load_arrays, save_arrays
from tinygrad_np.train.config import Config
from tinygrad_np.train.divergence import DivergedError
from tinygrad_np.train.early_stopping import EarlyStopping
from tinygrad_np.train.evaluate import Score, evaluate, predict_logits
from tinygrad_np.train.fit import StopTraining, fit
from tinygrad_np.train.gradient_check import GradientVerdict, check_gradients
from tinygrad_np.train.history import Epoch, History
from tinygrad_np.train.metrics import ClassScores, accuracy, confusion_matrix, log_loss, precision_recall_f1
from tinygrad_np.train.model_file import load_model, save_model
from tinygrad_np.train.options import OptionError
from tinygrad_np.train.predictor import Predictor
from tinygrad_np.train.progress import progress
from tinygrad_np.train.run import Run, run
from tinygrad_np.train.run_folder import Report, new_folder, read_configuration, write_configuration, write_report
from tinygrad_np.train.tasks import TASKS, Task, task_of
from tinygrad_np.train.tensorboard import TensorBoard

__all__ = [
    "TASKS", "ClassScores", "Config", "DivergedError", "EarlyStopping", "Epoch", "GradientVerdict", "History",
    "OptionError", "Predictor", "Report", "Run", "Score", "StopTraining", "Task", "TensorBoard", "accuracy",
    "check_gradients", "confusion_matrix", "evaluate", "fit", "load_arrays", "load_model", "log_loss", "new_folder",
    "precision_recall_f1", "predict_logits", "progress", "read_configuration", "run", "save_arrays", "save_model",
    "task_of", "write_configuration", "write_report",
]  # fmt: skip
