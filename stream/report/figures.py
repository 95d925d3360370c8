"""The evaluator's figures: what each means, and in what order they are shown."""

from __future__ import annotations

MEANING = {
    "accuracy": "share of right predictions",
    "kappa": "better than chance",
    "kappa_m": "better than always the majority class",
    "kappa_t": "better than always the last label known",
    "log_loss": "of the predicted probabilities",
    "auc": "area under the ROC curve",
    "mae": "mean absolute error",
    "rmse": "root mean squared error",
    "r2": "share of variance explained",
}
"""Every figure of a whole stream; the same of recent labels begin with `faded_`."""

TITLES = {
    "accuracy": "accuracy",
    "kappa": "kappa",
    "kappa_m": "kappa M",
    "kappa_t": "kappa T",
    "log_loss": "log loss",
    "auc": "AUC",
    "mae": "MAE",
    "rmse": "RMSE",
    "r2": "R²",
}

COLUMNS = {
    "accuracy": ("accuracy", "kappa", "kappa_t", "log_loss"),
    "mae": ("mae", "rmse", "r2"),
}
"""Of a leaderboard, by the figure that ranks."""
