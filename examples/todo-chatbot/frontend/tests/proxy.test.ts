import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { proxy } from "@/lib/proxy";
import { bodyOf, json, type Running, serve } from "./server";

let backend: Running;
let seen: { method?: string; url?: string; body: string; id?: string }[];

beforeEach(async () => {
  seen = [];
  backend = await serve(async (request, response) => {
    const id = request.headers["x-request-id"] as string;
    seen.push({ method: request.method, url: request.url, body: await bodyOf(request), id });
    if (request.method === "DELETE") return response.writeHead(204).end();
    response.setHeader("x-total-count", "7");
    response.setHeader("server", "secret/1.0");
    json(response, request.method === "POST" ? 201 : 200, [{ id: 1 }]);
  });
  vi.stubEnv("BACKEND_URL", backend.origin);
});

afterEach(async () => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  await backend.stop();
});

const ask = (path: string, init?: RequestInit) => proxy(new Request(`http://page/api/${path}`, init), path.split("?")[0]!);

test("a request and its answer pass through, with the id that links both logs", async () => {
  const answer = await ask("todos?done=true", { headers: { "x-request-id": "abc-1" } });
  expect(seen).toEqual([{ method: "GET", url: "/todos?done=true", body: "", id: "abc-1" }]);
  expect(await answer.json()).toEqual([{ id: 1 }]);
  expect(Object.fromEntries(answer.headers)).toMatchObject({ "x-request-id": "abc-1", "x-total-count": "7" });
  expect(answer.headers.get("server")).toBeNull();
});

test("bodies, statuses and answers without a body pass through", async () => {
  const added = await ask("todos", { method: "POST", body: '{"title":"milk"}' });
  expect([added.status, seen[0]?.body]).toEqual([201, '{"title":"milk"}']);
  expect((await ask("todos/1", { method: "DELETE" })).status).toBe(204);
});

test.each(["metrics", "healthz", "openapi.json", "todos/1/x", "todos/../metrics", "chat/", "%6detrics"])(
  "%s is not for browsers",
  async (path) => {
    expect((await ask(path)).status).toBe(404);
    expect(seen).toEqual([]);
  },
);

test("other sites cannot change anything", async () => {
  const init = { method: "POST", body: "{}", headers: { "sec-fetch-site": "cross-site" } };
  expect((await ask("chat", init)).status).toBe(403);
  expect(seen).toEqual([]);
});

test("a long body is refused before it is sent on", async () => {
  expect((await ask("chat", { method: "POST", body: "x".repeat(20_000) })).status).toBe(413);
  expect(seen).toEqual([]);
});

test("the backend's address is read with each request, and its absence is a 502", async () => {
  const logged = vi.spyOn(console, "error").mockImplementation(() => undefined);
  vi.stubEnv("BACKEND_URL", "http://127.0.0.1:1");
  const answer = await ask("todos", { headers: { "x-request-id": "abc-2" } });
  expect(answer.status).toBe(502);
  expect(await answer.json()).toEqual({ detail: "The todo service cannot be reached.", request_id: "abc-2" });
  expect(JSON.parse(logged.mock.calls[0]?.[0] as string)).toMatchObject({ level: "error", request_id: "abc-2" });
});
