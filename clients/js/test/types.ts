// Compiled and never run: the code is what the types say, and the types refuse what the code would refuse.

import * as code from "../gleitzeit.js";
import * as declared from "gleitzeit";
import { Capability, Client, ExecutorNode, ExternalServiceNode, Fatal, GleitzeitError, Retryable, Workflow } from "gleitzeit";

/** Everything that is declared exists, with parameters and results of these types. */
type Values = Omit<typeof declared, "WorkerNode">;
const exported: Values = code;
/** Everything that is exported is declared. */
const names: Record<keyof typeof code, unknown> = exported;
void names;

const workflow = new Workflow("types", { errorStrategy: "skip", tags: ["a"] });
const first = workflow.addFunctionTask("first", { functionName: "fibonacci", args: [5], priority: "high" });
workflow.addExternalMlTask("train", { operation: "train", modelParams: { rows: first.at(0) }, dependencies: [first, "other"] });
// @ts-expect-error there is no such strategy
new Workflow("types", { errorStrategy: "ignore" });
// @ts-expect-error a function task needs its function
workflow.addFunctionTask("second", { args: [] });
// @ts-expect-error the option is misspelt
workflow.addHttpTask("third", { url: "http://127.0.0.1/", methode: "GET" });

async function client(): Promise<string> {
  const client = new Client("http://127.0.0.1:8000", { token: "t" });
  const { results, errors } = await client.run(workflow, { timeoutMs: 1_000 });
  for await (const event of client.events({ since: 0 })) {
    if (event.type === "workflow_ended") break;
  }
  const page = await client.workflows({ status: ["failed", "cancelled"] });
  // @ts-expect-error there is no such status
  await client.workflows({ status: "lost" });
  return `${results.first} ${errors.first?.code} ${page.next_cursor ?? ""}`;
}

interface Training {
  epochs: number;
}

const node = new ExternalServiceNode("ML", { capabilities: [Capability.ML_TRAINING, "data_processing"] });
node
  .handler<Training>("ml_training", async ({ epochs }, task) => {
    for (let epoch = 1; epoch <= epochs; epoch += 1) {
      task.progress((100 * epoch) / epochs, `epoch ${epoch}`);
      await fetch("http://127.0.0.1/", { signal: task.signal, headers: { "idempotency-key": task.idempotencyKey } });
    }
    if (task.deadline && task.deadline.getTime() < Date.now()) throw new Retryable("late", { afterMs: 5_000 });
    throw new Fatal("no such model", { code: "MODEL_UNKNOWN", details: { epochs } });
  })
  .handler("data_processing", (input) => input.rows.length);
node.addEventListener("registered", () => console.log(node.status().registrations.toFixed()));
// @ts-expect-error there is no such capability
new ExternalServiceNode("ML", { capabilities: ["training"] });
const executor = new ExecutorNode("executor", { facts: { models: ["llama3"] } }).function("add", (a: number, b: number) => a + b);
// @ts-expect-error an executor has task types, and no capabilities
new ExecutorNode("executor", { capabilities: ["ml_training"] });

void [client, executor, (error: unknown) => error instanceof GleitzeitError && error.code];
