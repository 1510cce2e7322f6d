// A service in node that checks the links of web pages.
//
//   npm install gleitzeit            (in a clone: npm install --no-save ./clients/js)
//   node examples/node_service.mjs
//
// In a workflow it is an API task:
//
//   - {name: Links, external: api, service: Site Service, endpoint: "https://example.org/", method: GET}
//
// The result is {url, title, links, broken: [{url, reason}]}.

import { ExternalServiceNode, Fatal, Retryable } from "gleitzeit";

/** More would be rude to the site, and a page with more links is no page for people. */
const LINKS_MAX = 200;
const PAGE_BYTES_MAX = 5_000_000;

const node = new ExternalServiceNode("Site Service", {
  capabilities: ["api_integration"],
  maxConcurrentTasks: 4,
  log: (level, message) => console.error(`${level}: ${message}`),
});

node.handler("api_integration", async ({ endpoint }, task) => {
  if (!URL.canParse(endpoint ?? "")) throw new Fatal(`endpoint must be the address of a page, not ${JSON.stringify(endpoint)}`);
  // The signal ends the request when somebody cancels the task.
  const page = await fetch(endpoint, { signal: task.signal });
  if (!page.ok) throw refusal(page);
  const html = await page.text();
  if (html.length > PAGE_BYTES_MAX) throw new Fatal(`the page has more than ${PAGE_BYTES_MAX} bytes`);
  const links = linksOf(html, page.url);
  const broken = [];
  for (const [index, link] of links.entries()) {
    task.progress((100 * index) / links.length, link);
    const reason = await whyBroken(link, task.signal);
    if (reason) {
      task.stream({ url: link, reason });
      broken.push({ url: link, reason });
    }
  }
  const title = /<title[^>]*>([^<]*)/i.exec(html)?.[1]?.trim() ?? null;
  return { url: page.url, title, links: links.length, broken };
});

/** What the site says about trying again is what the server does. */
function refusal({ status, url, headers }) {
  const message = `${url} answered ${status}`;
  if (status !== 429 && status < 500) return new Fatal(message, { code: `HTTP_${status}` });
  const seconds = Number(headers.get("retry-after"));
  return new Retryable(message, { code: `HTTP_${status}`, afterMs: seconds > 0 ? seconds * 1_000 : undefined });
}

function linksOf(html, base) {
  const targets = [...html.matchAll(/<a\s[^>]*href\s*=\s*["']([^"'#]+)/gi)].map(([, target]) => target);
  const urls = targets.filter((target) => URL.canParse(target, base)).map((target) => new URL(target, base).href);
  return [...new Set(urls.filter((url) => url.startsWith("http")))].slice(0, LINKS_MAX);
}

async function whyBroken(url, signal) {
  try {
    const answer = await fetch(url, { method: "HEAD", signal });
    return answer.ok ? null : `status ${answer.status}`;
  } catch (error) {
    signal.throwIfAborted();
    return error.cause?.code ?? error.message;
  }
}

await node.run(); // until SIGTERM, which lets running tasks end
