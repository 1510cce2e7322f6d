import asyncio
from gleitzeit_cluster.core.external_service_node import (
    ExternalServiceNode,
    ExternalServiceCapability
)


class MLService:
    async def handle_ml_training(self, task_data):
        parameters = task_data["external_parameters"]
        data = parameters["data_params"]["data"]
        model_params = parameters["model_params"]
        # The least squares line through the points.
        n = len(data)
        mean_x = sum(x for x, _ in data) / n
        mean_y = sum(y for _, y in data) / n
        slope = sum((x - mean_x) * (y - mean_y) for x, y in data) / sum((x - mean_x) ** 2 for x, _ in data)
        return {"model": model_params["type"], "slope": slope, "intercept": mean_y - slope * mean_x, "n": n}


service = MLService()
service_node = ExternalServiceNode(
    service_name="ML Service",
    cluster_url="http://localhost:8000",
    capabilities=[ExternalServiceCapability.ML_TRAINING]
)

service_node.register_task_handler("ml_training", service.handle_ml_training)

asyncio.run(service_node.start())
