# A service without any SDK. It needs `pip install "python-socketio[asyncio_client]"` and nothing else.
import asyncio, os, socketio
NODE, NS, sio = "counter-1", "/cluster", socketio.AsyncClient()
OFFER = {"task_types": ["external_custom", "count_letters"], "max_concurrent_tasks": 4, "external_service": True}

@sio.on("connected", namespace=NS)
async def connected(hello):
    await sio.emit("authenticate", {"token": os.environ.get("GLEITZEIT_TOKEN", "")}, namespace=NS)

@sio.on("authenticated", namespace=NS)
async def authenticated(answer):
    await sio.emit("node:register", {"node_id": NODE, "name": "Counter", "capabilities": OFFER}, namespace=NS)

@sio.on("task:assign", namespace=NS)
async def assign(task):
    ids = {"task_id": task["task_id"], "workflow_id": task["workflow_id"], "node_id": NODE}
    await sio.emit("task:accepted", ids, namespace=NS)
    result = {"letters": len(task["external_parameters"]["text"])}
    await sio.emit("task:completed", {**ids, "result": result}, namespace=NS)

async def main():
    await sio.connect(os.environ.get("GLEITZEIT_URL", "http://localhost:8000"), namespaces=[NS])
    await sio.wait()

asyncio.run(main())
