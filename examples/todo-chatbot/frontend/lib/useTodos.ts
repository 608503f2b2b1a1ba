"use client";

import { useCallback, useEffect, useRef, useState } from "react";
import { listTodos, type Todo } from "./api";

const REFRESH_MS = 10_000;

export interface Todos {
  /** null until the first answer. */
  todos: Todo[] | null;
  problem: string | null;
  /** Run a change; what it resolves to (if anything) becomes the list, otherwise the list is read again. */
  update: (change: () => Promise<Todo[] | void>) => Promise<void>;
}

/** The list, kept up to date while the page is looked at: others may share it. */
export function useTodos(): Todos {
  const [todos, setTodos] = useState<Todo[] | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const latest = useRef(0);

  const update = useCallback(async (change: () => Promise<Todo[] | void>) => {
    // An answer that was overtaken by a later request is old news.
    const turn = ++latest.current;
    try {
      const list = (await change()) ?? (await listTodos());
      if (turn === latest.current) {
        setTodos(list);
        setProblem(null);
      }
    } catch (error) {
      if (turn === latest.current) setProblem((error as Error).message);
      throw error;
    }
  }, []);

  useEffect(() => {
    const refresh = () => {
      if (document.visibilityState === "visible") update(listTodos).catch(() => undefined);
    };
    refresh();
    const timer = setInterval(refresh, REFRESH_MS);
    document.addEventListener("visibilitychange", refresh);
    return () => {
      clearInterval(timer);
      document.removeEventListener("visibilitychange", refresh);
    };
  }, [update]);

  return { todos, problem, update };
}
