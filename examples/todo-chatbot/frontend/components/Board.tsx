"use client";

import { useTodos } from "@/lib/useTodos";
import { Chat } from "./Chat";
import { TodoList } from "./TodoList";

/** Chat and list side by side, on the same todos. */
export function Board() {
  const todos = useTodos();
  return (
    <main className="board">
      <Chat update={todos.update} />
      <TodoList {...todos} />
    </main>
  );
}
