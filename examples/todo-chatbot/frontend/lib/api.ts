/** The backend as the page sees it, through its own origin. */

export interface Todo {
  id: number;
  title: string;
  done: boolean;
  due: string | null;
}

export interface ChatAnswer {
  reply: string;
  todos: Todo[];
}

/** A failed request, with a sentence that can be shown. */
export class ApiError extends Error {}

export const listTodos = () => call<Todo[]>("GET", "todos?limit=500");
export const setDone = (todo: Todo, done: boolean) => call<Todo>("PATCH", `todos/${todo.id}`, { done });
export const deleteTodo = (todo: Todo) => call<void>("DELETE", `todos/${todo.id}`);
export const chat = (message: string) => call<ChatAnswer>("POST", "chat", { message, today: localDate() });

async function call<T>(method: string, path: string, body?: object): Promise<T> {
  let response: Response;
  try {
    response = await fetch(`/api/${path}`, {
      method,
      headers: body ? { "Content-Type": "application/json" } : undefined,
      body: body && JSON.stringify(body),
    });
  } catch {
    throw new ApiError("The server cannot be reached. Are you online?");
  }
  if (response.status === 204) return undefined as T;
  const answer: unknown = await response.json().catch(() => null);
  if (response.ok) return answer as T;
  const detail = answer && typeof answer === "object" && "detail" in answer ? answer.detail : null;
  throw new ApiError(typeof detail === "string" ? detail : "Something went wrong. Please try again.");
}

/** Where the person is it may be tomorrow already: YYYY-MM-DD in local time. */
export function localDate(now = new Date()): string {
  const part = (number: number) => String(number).padStart(2, "0");
  return `${now.getFullYear()}-${part(now.getMonth() + 1)}-${part(now.getDate())}`;
}
