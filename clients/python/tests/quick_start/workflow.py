import asyncio
from gleitzeit_cluster import GleitzeitCluster


async def main():
    cluster = GleitzeitCluster()
    await cluster.start()

    workflow = cluster.create_workflow("Hybrid ML Pipeline")

    workflow.add_python_task(
        "Prepare Data",
        function_name="prepare_dataset"
    )

    workflow.add_external_ml_task(
        name="Train Model",
        service_name="ML Service",
        operation="train",
        model_params={"type": "linear"},
        data_params={"data": "{{Prepare Data.result}}"},
        dependencies=["Prepare Data"]
    )

    workflow.add_text_task(
        "Generate Report",
        prompt="Model results: {{Train Model.result}}",
        dependencies=["Train Model"]
    )

    await cluster.submit_workflow(workflow)


asyncio.run(main())
