"""A machine learning service: trains classifiers with scikit-learn, and predicts with them.

    pip install ./clients/python scikit-learn
    python examples/external_ml_service.py

The server is the one at GLEITZEIT_URL, http://localhost:8000 unless set; models are kept in MODELS (./models).

    train      model_params {model_type: random_forest or logistic_regression, ... settings of it}
               data_params {records: [{...}] or csv: "iris.csv" of examples/data, target, test_fraction, seed}
               -> {model_id, accuracy, cross_validation, classes, confusion_matrix, n_train, n_test, test_records}
    predict    model_params {model_id}, data_params {records}
               -> {predictions, confidences, n, accuracy where the records have the target}
"""

import csv
import hashlib
import os
from pathlib import Path

import joblib
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import confusion_matrix
from sklearn.model_selection import StratifiedKFold, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from gleitzeit_cluster import ExternalServiceCapability, ExternalServiceNode, Fatal

MODELS = Path(os.environ.get("MODELS", "models"))
DATA = Path(__file__).resolve().parent / "data"
FOLDS = 5


def classifier(params: dict):
    settings = {key: value for key, value in params.items() if key != "model_type"}
    kind = params.get("model_type", "random_forest")
    try:
        if kind == "random_forest":
            return RandomForestClassifier(**{"random_state": 0, **settings})
        if kind == "logistic_regression":
            return make_pipeline(StandardScaler(), LogisticRegression(**settings))
    except TypeError as error:
        raise Fatal(f"{kind} does not take these settings: {error}") from None
    raise Fatal(f"there is no model_type {kind!r}; there are random_forest and logistic_regression")


def records_of(params: dict) -> list:
    if "csv" in params:
        # The name alone counts, so that nobody reads other files of this machine.
        with open(DATA / Path(params["csv"]).name, newline="", encoding="utf-8") as lines:
            return list(csv.DictReader(lines))
    if not params.get("records"):
        raise Fatal("data_params has neither `records` nor `csv`")
    return params["records"]


def table(records: list, features: list) -> list:
    try:
        return [[float(record[name]) for name in features] for record in records]
    except (KeyError, TypeError, ValueError) as error:
        raise Fatal(f"every record needs a number for each of {', '.join(features)}: {error!r}") from None


def train(task: dict, ctx) -> dict:
    """Not async: it computes for a while, and runs on a thread so that the service goes on answering."""
    model_params, data_params = ctx.parameters["model_params"], ctx.parameters["data_params"]
    # The same for every try of this task: a try that was interrupted after the file was written is not repeated.
    model_id = hashlib.sha256(ctx.idempotency_key.encode()).hexdigest()[:16]
    path = MODELS / f"{model_id}.joblib"
    if path.exists():
        return joblib.load(path)["report"]

    records, target = records_of(data_params), data_params.get("target", "species")
    features = [name for name in records[0] if name != target]
    labels = [record[target] for record in records]
    rest, held_out, known, unknown = train_test_split(
        records,
        labels,
        test_size=float(data_params.get("test_fraction", 0.3)),
        random_state=int(data_params.get("seed", 0)),
        stratify=labels,
    )
    inputs = table(rest, features)
    scores = []
    for learn, judge in StratifiedKFold(FOLDS).split(inputs, known):
        ctx.check()
        model = classifier(model_params).fit([inputs[row] for row in learn], [known[row] for row in learn])
        scores.append(model.score([inputs[row] for row in judge], [known[row] for row in judge]))
        ctx.progress(90 * len(scores) / FOLDS, f"fold {len(scores)} of {FOLDS}", {"accuracy": scores[-1]})

    model = classifier(model_params).fit(inputs, known)
    named = model.predict(table(held_out, features))
    report = {
        "model_id": model_id,
        "model_type": model_params.get("model_type", "random_forest"),
        "accuracy": float((named == unknown).mean()),
        "cross_validation": scores,
        "classes": list(model.classes_),
        "confusion_matrix": confusion_matrix(unknown, named, labels=model.classes_).tolist(),
        "n_train": len(rest),
        "n_test": len(held_out),
        "test_records": held_out,
    }
    MODELS.mkdir(parents=True, exist_ok=True)
    half = path.with_suffix(f".{ctx.attempt}.part")
    joblib.dump({"model": model, "features": features, "target": target, "report": report}, half)
    half.replace(path)
    return report


def predict(task: dict, ctx) -> dict:
    model_id = str(ctx.parameters["model_params"].get("model_id"))
    path = MODELS / f"{Path(model_id).name}.joblib"
    if not path.exists():
        raise Fatal(f"there is no model {model_id}; train one first", code="MODEL_MISSING")
    stored = joblib.load(path)
    records = records_of(ctx.parameters["data_params"])
    inputs = table(records, stored["features"])
    predictions = stored["model"].predict(inputs).tolist()
    result = {
        "model_id": model_id,
        "predictions": predictions,
        "confidences": stored["model"].predict_proba(inputs).max(axis=1).tolist(),
        "n": len(predictions),
    }
    truth = [record.get(stored["target"]) for record in records]
    if all(truth):
        result["accuracy"] = sum(a == b for a, b in zip(predictions, truth)) / len(truth)
    return result


if __name__ == "__main__":
    node = ExternalServiceNode(
        "ML Service",
        cluster_url=os.environ.get("GLEITZEIT_URL", "http://localhost:8000"),
        capabilities=[ExternalServiceCapability.ML_TRAINING, ExternalServiceCapability.ML_INFERENCE],
        max_concurrent_tasks=2,
    )
    node.register_task_handler("ml_training", train)
    node.register_task_handler("ml_inference", predict)
    node.run()
