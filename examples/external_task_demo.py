"""A whole small project: measure, learn, predict, store, tell, report, across this program, the server and services.

    pip install ./clients/python scikit-learn
    python examples/external_task_demo.py [--report-model llama3]

It uses the server at GLEITZEIT_URL (http://localhost:8000 unless set), or starts one; it starts the three services
beside this file and a small HTTP interface for them, and ends all of it afterwards. With `--report-model` a language
model writes the report.
"""

import argparse
import asyncio
import csv
import json
import os
import subprocess
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from gleitzeit_cluster import GleitzeitCluster, WorkflowErrorStrategy

HERE = Path(__file__).resolve().parent
SERVICES = ("external_ml_service.py", "external_database_service.py", "external_api_service.py")


def prepare_dataset(file: str) -> list:
    """A function of this program, which the workflow calls by its name."""
    with open(HERE / "data" / file, newline="", encoding="utf-8") as lines:
        return [
            {key: value if key == "species" else float(value) for key, value in row.items()}
            for row in csv.DictReader(lines)
        ]


class Interface(BaseHTTPRequestHandler):
    """What the API service calls: it answers with a receipt."""

    def do_POST(self) -> None:
        message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        body = json.dumps({"receipt": self.headers["Idempotency-Key"], "accuracy": message["accuracy"]}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_) -> None:
        pass


def pipeline(cluster: GleitzeitCluster, report_model: str):
    workflow = cluster.create_workflow(
        "Hybrid ML Pipeline",
        "Learns to tell iris plants apart, and acts on what it has learned",
        error_strategy=WorkflowErrorStrategy.STOP_ON_FIRST_ERROR,
        tags=["example"],
    )
    workflow.add_python_task("Prepare Data", "prepare_dataset", ["iris.csv"])
    workflow.add_external_ml_task(
        "Train Model",
        "ML Service",
        "train",
        model_params={"model_type": "random_forest", "n_estimators": 50},
        data_params={"records": "{{Prepare Data.result}}", "target": "species"},
        dependencies=["Prepare Data"],
        priority="high",
    )
    workflow.add_external_ml_task(
        "Predict",
        "ML Service",
        "predict",
        model_params={"model_id": "{{Train Model.result.model_id}}"},
        # Only the plants that were held out when the model learned.
        data_params={"records": "{{Train Model.result.test_records}}"},
    )
    workflow.add_python_task("Analyse Confidence", "analyze_numbers", ["{{Predict.result.confidences}}"])
    workflow.add_external_database_task(
        "Store Model",
        "Database Service",
        "store",
        query_params={
            "table": "models",
            "rows": [
                {
                    "model_id": "{{Train Model.result.model_id}}",
                    "accuracy": "{{Predict.result.accuracy}}",
                    "confidence": "{{Analyse Confidence.result.mean}}",
                }
            ],
        },
    )
    workflow.add_external_api_task(
        "Notify",
        "API Service",
        "/models",
        payload={"model": "{{Train Model.result.model_id}}", "accuracy": "{{Predict.result.accuracy}}"},
        dependencies=["Store Model"],
    )
    if report_model:
        workflow.add_text_task(
            "Report",
            "Write one paragraph about a classifier with the confusion matrix {{Train Model.result.confusion_matrix}} "
            "of the classes {{Train Model.result.classes}}. Its receipt is {{Notify.result.response.receipt}}.",
            report_model,
        )
    return workflow


async def run(report_model: str) -> int:
    interface = ThreadingHTTPServer(("127.0.0.1", 0), Interface)
    threading.Thread(target=interface.serve_forever, daemon=True).start()
    cluster = GleitzeitCluster()
    await cluster.start()
    cluster.register_python_function(prepare_dataset)
    cluster.on("task_progress", lambda told: print(f"  ... {told.get('progress')} %  {told.get('message')}"))
    cluster.on("task_completed", lambda done: print(f"  {done['task_name']}: {json.dumps(done['result'])[:100]}"))
    cluster.on("workflow_progress", lambda told: print(f"  {told['progress_percentage']:.0f} % of the workflow"))
    with tempfile.TemporaryDirectory() as folder:
        surroundings = {
            **os.environ,
            "GLEITZEIT_URL": cluster.url,
            "API_BASE_URL": f"http://127.0.0.1:{interface.server_port}",
            "DATABASE": f"{folder}/results.db",
            "MODELS": f"{folder}/models",
        }
        services = [subprocess.Popen([sys.executable, str(HERE / name)], env=surroundings) for name in SERVICES]
        try:
            workflow = pipeline(cluster, report_model)
            print(f"workflow {workflow.id} at {cluster.url}")
            result = await cluster.execute_workflow(workflow, timeout=600)
        finally:
            for service in services:
                service.terminate()
            for service in services:
                service.wait(30)
    await cluster.stop()
    interface.shutdown()

    print(f"{result.name} {result.status.value}: {result.completed_tasks} of {result.total_tasks} tasks")
    for name, failure in result.errors.items():
        print(f"  {name}: {failure}")
    if not result.ok:
        return 1
    trained, predicted = result.results["Train Model"], result.results["Predict"]
    print(f"accuracy {predicted['accuracy']:.3f} on {predicted['n']} plants that the model had not seen")
    print(f"confusion matrix {trained['confusion_matrix']}")
    print(f"receipt {result.results['Notify']['response']['receipt']}")
    if report_model:
        print(result.results["Report"])
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--report-model", default="", help="a language model that writes the report")
    sys.exit(asyncio.run(run(parser.parse_args().report_model)))
