"""Multilayer perceptrons as scikit-learn estimators: for pipelines, grid searches and cross-validation.

Examples
--------
>>> from sklearn.datasets import load_iris
>>> from sklearn.pipeline import make_pipeline
>>> from sklearn.preprocessing import StandardScaler
>>> x, y = load_iris(return_X_y=True)
>>> classifier = make_pipeline(StandardScaler(), MLPClassifier((16,), dropout=0.1, random_state=0))
>>> bool(classifier.fit(x, y).score(x, y) > 0.95)
True
"""

from tinygrad_np._extras import require

require("sklearn", "sklearn")

from tinygrad_np.interop.sklearn.classifier import MLPClassifier  # noqa: E402
from tinygrad_np.interop.sklearn.regressor import MLPRegressor  # noqa: E402

__all__ = ["MLPClassifier", "MLPRegressor"]
