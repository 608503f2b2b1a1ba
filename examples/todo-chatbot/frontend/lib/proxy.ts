/** Passes the browser's requests on to the backend, so that the page needs only its own origin. */

/** What the page uses; the backend's metrics, probes and schema are nobody's business out here. */
const ROUTES = /^(?:todos(?:\/\d{1,19})?|chat)$/;
const BODY_LIMIT = 16 * 1024;
const TIMEOUT_MS = 15_000;
const REQUEST_HEADERS = ["accept", "content-type"];
const RESPONSE_HEADERS = ["content-type", "retry-after", "x-total-count"];

export async function proxy(request: Request, path: string): Promise<Response> {
  const given = request.headers.get("x-request-id") ?? "";
  const requestId = /^[\w.:-]{1,128}$/.test(given) ? given : crypto.randomUUID();
  if (!ROUTES.test(path)) return problem(404, "There is nothing here.", requestId);
  // Other sites' pages can make a browser send requests, but not hide where they come from.
  if (request.method !== "GET" && request.headers.get("sec-fetch-site") === "cross-site") {
    return problem(403, "Requests from other sites are not accepted.", requestId);
  }
  const body = await readBody(request);
  if (body === null) return problem(413, "That is too long.", requestId);

  // Read now, not when this was built: the same image runs against any backend.
  const backend = process.env.BACKEND_URL || "http://localhost:8000";
  try {
    const url = new URL(`${path}${new URL(request.url).search}`, backend.replace(/\/*$/, "/"));
    const headers = pick(request.headers, REQUEST_HEADERS);
    headers.set("x-request-id", requestId);
    const answer = await fetch(url, {
      method: request.method,
      headers,
      body,
      cache: "no-store",
      redirect: "manual",
      signal: AbortSignal.any([request.signal, AbortSignal.timeout(TIMEOUT_MS)]),
    });
    const answerHeaders = pick(answer.headers, RESPONSE_HEADERS);
    answerHeaders.set("x-request-id", requestId);
    answerHeaders.set("cache-control", "no-store");
    return new Response(answer.body, { status: answer.status, headers: answerHeaders });
  } catch (error) {
    return unreachable(error, path, requestId);
  }
}

function unreachable(error: unknown, path: string, requestId: string): Response {
  const late = error instanceof DOMException && error.name === "TimeoutError";
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const line = { level: "error", message: "The backend does not answer", path, request_id: requestId, reason: String(cause) };
  console.error(JSON.stringify({ time: new Date().toISOString(), ...line }));
  return late
    ? problem(504, "The todo service takes too long to answer.", requestId)
    : problem(502, "The todo service cannot be reached.", requestId);
}

function problem(status: number, detail: string, requestId: string): Response {
  const headers = { "cache-control": "no-store", "x-request-id": requestId };
  return Response.json({ detail, request_id: requestId }, { status, headers });
}

function pick(headers: Headers, names: string[]): Headers {
  return new Headers(names.flatMap((name): [string, string][] => {
    const value = headers.get(name);
    return value === null ? [] : [[name, value]];
  }));
}

/** The whole body, undefined if there is none, null if it is longer than the backend would take. */
async function readBody(request: Request): Promise<Uint8Array<ArrayBuffer> | undefined | null> {
  if (!request.body) return undefined;
  const reader = request.body.getReader();
  const chunks: Uint8Array[] = [];
  let length = 0;
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    length += part.value.byteLength;
    if (length > BODY_LIMIT) {
      await reader.cancel();
      return null;
    }
    chunks.push(part.value);
  }
  const whole = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    whole.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return whole;
}
