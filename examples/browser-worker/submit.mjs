// Submits a workflow of many pieces of the Mandelbrot set and measures its area, which is known to be 1.50659.
//
//   node examples/browser-worker/submit.mjs [tiles] [pixels] [iterations]

import { Client, Workflow } from "gleitzeit";

const [tiles = 8, pixels = 64, iterations = 1_000] = process.argv.slice(2).map(Number);
const WIDTH = 2.5;
const workflow = new Workflow("Mandelbrot set");
for (let row = 0; row < tiles; row += 1) {
  for (let column = 0; column < tiles; column += 1) {
    const size = WIDTH / tiles;
    workflow.addExternalTask(`tile ${column} ${row}`, {
      externalTaskType: "data_processing",
      serviceName: "Browser Worker",
      externalParameters: { left: -2 + column * size, top: -1.25 + row * size, size, pixels, iterations, column, row, tiles },
    });
  }
}
const { status, results } = await new Client().run(workflow);
const area = Object.values(results).reduce((sum, tile) => sum + tile.area, 0);
console.log(`${status}: ${Object.keys(results).length} tiles, area ${area.toFixed(5)}`);
