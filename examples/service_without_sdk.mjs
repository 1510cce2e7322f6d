// A service without any SDK. It needs `npm install socket.io-client` and nothing else.
import { io } from "socket.io-client";

const node_id = "counter-js-1";
const socket = io(`${process.env.GLEITZEIT_URL ?? "http://127.0.0.1:8000"}/cluster`, { transports: ["websocket"] });

socket.on("connected", () => socket.emit("authenticate", { token: process.env.GLEITZEIT_TOKEN ?? "", client_type: "service" }));

socket.on("authenticated", () =>
  socket.emit("node:register", {
    node_id,
    name: "Counter",
    node_type: "external_service",
    capabilities: { task_types: ["external_custom", "count_letters"], max_concurrent_tasks: 4, external_service: true },
  }),
);

socket.on("task:assign", ({ task_id, workflow_id, external_parameters }) => {
  const ids = { task_id, workflow_id, node_id };
  socket.emit("task:accepted", ids);
  socket.emit("task:completed", { ...ids, result: { letters: [...external_parameters.text].length } });
});

setInterval(() => socket.emit("node:heartbeat", { node_id, status: "ready", active_tasks: 0 }), 30_000);
