/** HTTP servers for tests, on free ports. */

import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Todo } from "@/lib/api";

export interface Running {
  origin: string;
  stop: () => Promise<void>;
}

export async function serve(listener: RequestListener): Promise<Running> {
  const server = createServer(listener);
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: () =>
      new Promise((stopped) => {
        server.close(() => stopped());
        server.closeAllConnections();
      }),
  };
}

export async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of request) text += chunk;
  return text;
}

export function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

/** As much of the backend as the page uses. */
export class Todos {
  list: Todo[] = [];
  broken = false;

  add(title: string, due: string | null = null): Todo {
    const todo = { id: this.list.length + 1, title, done: false, due };
    this.list.push(todo);
    return todo;
  }

  readonly listener: RequestListener = async (request, response) => {
    const body = await bodyOf(request);
    const id = Number(request.url?.match(/todos\/(\d+)/)?.[1]);
    if (this.broken) return json(response, 503, { detail: "The database does not answer; try again shortly." });
    if (request.url === "/api/chat") {
      const { message } = JSON.parse(body) as { message: string };
      const todo = this.add(message.replace(/^add /, ""));
      return json(response, 200, { reply: `Added “${todo.title}”.`, todos: this.list });
    }
    if (request.method === "DELETE") {
      this.list = this.list.filter((todo) => todo.id !== id);
      return response.writeHead(204).end();
    }
    if (request.method === "PATCH") {
      this.list = this.list.map((todo) => (todo.id === id ? { ...todo, ...(JSON.parse(body) as Partial<Todo>) } : todo));
    }
    return json(response, 200, this.list);
  };
}
