// Serves the page to browsers, which then work for a Gleitzeit server. It sees nothing of that work.
//
//   npm install gleitzeit            (in a clone: npm install --no-save ./clients/js)
//   node examples/browser-worker/serve.mjs [port]
//
// The page comes from another address than the Gleitzeit server, so that one must allow it: put the line that this prints
// into gleitzeit.toml, and start `gleitzeit serve`.

import { createReadStream } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const gleitzeit = fileURLToPath(import.meta.resolve("gleitzeit"));
const socketIo = join(dirname(createRequire(gleitzeit).resolve("socket.io-client/package.json")), "dist/socket.io.esm.min.js");

/** Everything there is; nothing else is read from the disk. */
const FILES = new Map([
  ["/", [join(here, "index.html"), "text/html"]],
  ["/page.js", [join(here, "page.js"), "text/javascript"]],
  ["/compute.js", [join(here, "compute.js"), "text/javascript"]],
  ["/gleitzeit.js", [gleitzeit, "text/javascript"]],
  ["/socket.io.esm.min.js", [socketIo, "text/javascript"]],
]);

const server = createServer(({ url }, answer) => {
  const [file, type] = FILES.get(new URL(url, "http://localhost").pathname) ?? [];
  if (!file) return answer.writeHead(404).end("there is no such file\n");
  answer.writeHead(200, { "content-type": `${type}; charset=utf-8`, "cache-control": "no-cache" });
  createReadStream(file).pipe(answer);
});

server.listen(Number(process.argv[2] ?? 8080), "127.0.0.1", () => {
  const origin = `http://127.0.0.1:${server.address().port}`;
  console.log(`open ${origin}/`);
  console.log(`allowed_origins = ["${origin}"]`);
});
