// The JavaScript examples, as somebody runs them who has installed the package.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Workflow } from "../gleitzeit.js";
import { LIMIT, withServer } from "./house.mjs";
import { isConnected, PACKAGE, Project } from "./project.mjs";

const example = (name) => readFileSync(join(PACKAGE, "../../examples", name), "utf8");

let project;
before(() => {
  project = new Project();
  for (const name of ["node_service.mjs", "service_without_sdk.mjs"]) project.write(name, example(name));
});
after(() => project.close());

test("a service without an SDK has 25 lines and works", LIMIT, () =>
  withServer({}, async ({ server, client }) => {
    assert.ok(example("service_without_sdk.mjs").split("\n").length <= 26);
    const service = project.run("service_without_sdk.mjs", server);
    await isConnected(server, "Counter");
    const workflow = new Workflow("letters");
    for (const text of ["héllo", "wörld!"]) {
      workflow.addExternalTask(text, { externalTaskType: "count_letters", serviceName: "Counter", externalParameters: { text } });
    }
    const { results } = await client.run(workflow);
    assert.deepEqual(results, { "héllo": { letters: 5 }, "wörld!": { letters: 6 } }, service.complaints);
  }));

/** A site with a good link, a broken one, and a page that is busy at first. */
function site() {
  let busy = true;
  const page = (title, ...links) => `<html><title>${title}</title>${links.map((link) => `<a href="${link}">x</a>`).join(" ")}</html>`;
  return createServer(({ url }, answer) => {
    if (url === "/busy" && busy) {
      busy = false;
      return answer.writeHead(503, { "retry-after": "1" }).end();
    }
    const pages = { "/": page("Home", "/about", "about#part", "/gone", "mailto:a@b.c"), "/about": page("About"), "/busy": page("Busy") };
    answer.writeHead(pages[url] ? 200 : 404, { "content-type": "text/html" }).end(pages[url]);
  });
}

test("the service in node checks the links of a page", LIMIT, () =>
  withServer({}, async ({ server, client }) => {
    const http = site();
    await new Promise((resolve) => http.listen(0, "127.0.0.1", resolve));
    const at = `http://127.0.0.1:${http.address().port}`;
    const service = project.run("node_service.mjs", server);
    await isConnected(server, "Site Service");
    const workflow = new Workflow("links", { errorStrategy: "continue" });
    for (const path of ["/", "/busy", "/gone"]) {
      workflow.addExternalApiTask(path, { serviceName: "Site Service", endpoint: `${at}${path}`, method: "GET" });
    }
    const { results, errors } = await client.run(workflow);
    http.close();
    assert.deepEqual(results, {
      "/": { url: `${at}/`, title: "Home", links: 2, broken: [{ url: `${at}/gone`, reason: "status 404" }] },
      "/busy": { url: `${at}/busy`, title: "Busy", links: 0, broken: [] },
    });
    assert.equal(errors["/gone"].service_code, "HTTP_404");
    service.child.kill("SIGTERM");
    assert.equal(await service.exit, 0, service.complaints);
  }));
