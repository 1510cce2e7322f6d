// What a registry would take, and what its README promises.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { VERSION } from "../gleitzeit.js";
import { LIMIT, withServer } from "./house.mjs";
import { isConnected, PACKAGE, Project } from "./project.mjs";

const read = (path) => readFileSync(join(PACKAGE, path), "utf8");

let project;
before(() => (project = new Project()));
after(() => project.close());

test("there is one version, that of Cargo.toml", () => {
  const [, version] = /^version = "(.*)"$/m.exec(read("../../Cargo.toml"));
  assert.equal(VERSION, version);
  assert.equal(JSON.parse(read("package.json")).version, version);
  assert.equal(JSON.parse(read("package-lock.json")).version, version);
});

test("the package holds the code, its types, its README and its licence", () => {
  const files = project.packed.files.map(({ path }) => path).sort();
  const types = ["types/client.d.ts", "types/gleitzeit.d.ts", "types/node.d.ts"];
  assert.deepEqual(files, ["LICENSE", "README.md", "gleitzeit.js", "package.json", ...types]);
  assert.equal(read("LICENSE"), read("../../LICENSE"));
  const { license, dependencies, description } = JSON.parse(read("package.json"));
  assert.deepEqual([license, Object.keys(dependencies), description.length > 20], ["MIT", ["socket.io-client"], true]);
});

for (const resolution of [{ module: "nodenext" }, { module: "esnext", moduleResolution: "bundler" }]) {
  test(`whoever installs it finds its types, with ${Object.values(resolution).at(-1)}`, LIMIT, () => {
    project.write("package.json", '{"type": "module"}');
    const compilerOptions = { noEmit: true, strict: true, target: "es2022", skipLibCheck: true, types: [], ...resolution };
    project.write("tsconfig.json", JSON.stringify({ compilerOptions, files: ["use.ts"] }));
    const head = 'import { Client } from "gleitzeit";\nconst { seq } = await new Client().stats();\n';
    project.write("use.ts", `${head}seq.toFixed();\n// @ts-expect-error a position is a number\nseq.length;\nexport {};\n`);
    const tsc = join(PACKAGE, "node_modules", ".bin", "tsc");
    execFileSync(tsc, ["-p", project.folder], { stdio: "inherit" });
  });
}

test("the README's examples run and print what it says", LIMIT, () =>
  withServer({}, async ({ server, client }) => {
    const blocks = [...read("README.md").matchAll(/^```js (\S+)\n([\s\S]*?)^```$/gm)];
    const names = blocks.map(([, name, text]) => (project.write(name, text), name));
    assert.deepEqual(names, ["service.mjs", "submit.mjs", "executor.mjs", "errors.mjs"]);
    const service = project.run("service.mjs", server);
    await isConnected(server, "Text Service");
    const submit = project.run("submit.mjs", server);
    assert.equal(await submit.exit, 0, submit.complaints);
    const [, promised] = /^node submit\.mjs +# (.*)$/m.exec(read("README.md"));
    assert.equal(submit.said.join("").replace(/\s+/g, " "), promised);
    const executor = project.run("executor.mjs", server);
    await isConnected(server, "Node functions");
    const sum = await client.run({ name: "sum", tasks: [{ name: "a", function: "add", args: [2, 3] }] });
    assert.deepEqual(sum.results, { a: 5 });
    const errors = project.run("errors.mjs", server);
    assert.equal(await errors.exit, 0, errors.complaints);
    assert.deepEqual(errors.said, ["GZ3002 refused"]);
    for (const running of [service, executor]) {
      running.child.kill("SIGTERM");
      assert.equal(await running.exit, 0, running.complaints);
    }
  }));
