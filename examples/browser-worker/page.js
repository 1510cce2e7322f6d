// The page: a service node whose tasks are computed by web workers, so that the tab stays awake and can be stopped.

import { ExternalServiceNode, Fatal } from "gleitzeit";

const form = document.querySelector("form");
const status = document.querySelector("[role=status]");
const canvas = document.querySelector("canvas").getContext("2d");
const slots = Math.min(navigator.hardwareConcurrency || 2, 8);
let node;

/** One piece, in a web worker of its own. A cancelled task ends it in the middle. */
function compute(input, task) {
  if (!(input.pixels >= 1 && input.pixels <= 2_048)) throw new Fatal("`pixels` must be between 1 and 2048");
  const worker = new Worker("compute.js");
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => {
      if (data.percent !== undefined) return task.progress(data.percent, `row ${data.row}`);
      draw(input, data.shades);
      resolve({ ...data.result, computed_by: "browser", attempt: task.attempt });
    };
    worker.onerror = (error) => reject(new Error(error.message));
    task.signal.addEventListener("abort", () => reject(task.signal.reason));
    worker.postMessage(input);
  }).finally(() => worker.terminate());
}

function draw({ left, top, pixels, column = 0, row = 0, tiles = 1 }, shades) {
  const image = new ImageData(pixels, pixels);
  shades.forEach((shade, at) => image.data.set([shade, 0.7 * shade, 30 + 0.4 * shade, 255], 4 * at));
  createImageBitmap(image).then((bitmap) => {
    const size = canvas.canvas.width / tiles;
    canvas.drawImage(bitmap, column * size, row * size, size, size);
  });
  canvas.canvas.title = `the last piece began at ${left}, ${top}`;
}

function show() {
  const { phase, running, completed, cancelled, lastError } = node.status();
  const why = phase === "registered" || !lastError ? "" : ` (${lastError.message})`;
  status.textContent = `${phase}: ${running} running, ${completed} completed, ${cancelled} cancelled${why}`;
}

async function work() {
  const { server, token } = Object.fromEntries(new FormData(form));
  node = new ExternalServiceNode("Browser Worker", {
    url: server,
    token: token || undefined,
    capabilities: ["data_processing"],
    maxConcurrentTasks: slots,
    // Another origin can be reached by websocket alone.
    transports: ["websocket"],
  });
  node.handler("data_processing", compute);
  for (const event of ["registered", "disconnected", "stopped"]) node.addEventListener(event, show);
  const timer = setInterval(show, 250);
  form.work.disabled = true;
  form.rest.disabled = false;
  try {
    await node.start();
    await node.stopped();
    show();
  } catch (error) {
    status.textContent = error.message;
  } finally {
    clearInterval(timer);
    form.work.disabled = false;
    form.rest.disabled = true;
  }
}

form.server.value = new URLSearchParams(location.search).get("server") ?? form.server.value;
form.addEventListener("submit", (event) => {
  event.preventDefault();
  void work();
});
form.rest.addEventListener("click", async () => {
  await node.drain();
  await node.stop();
});
