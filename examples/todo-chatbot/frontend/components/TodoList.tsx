"use client";

import { useState } from "react";
import { deleteTodo, localDate, setDone, type Todo } from "@/lib/api";
import { describeDue } from "@/lib/due";
import type { Todos } from "@/lib/useTodos";

export function TodoList({ todos, problem, update }: Todos) {
  const open = todos?.filter((todo) => !todo.done) ?? [];
  const done = todos?.filter((todo) => todo.done) ?? [];
  const share = todos?.length ? Math.round((100 * done.length) / todos.length) : 0;

  return (
    <section className="card list" aria-labelledby="list-heading">
      <header>
        <h2 id="list-heading">Todos</h2>
        {todos && todos.length > 0 && (
          <p className="count" aria-live="polite">
            <strong>{open.length}</strong> left · {done.length} done
          </p>
        )}
      </header>
      {todos && todos.length > 0 && (
        <div className="progress" role="progressbar" aria-label="Done" aria-valuenow={share} aria-valuemin={0} aria-valuemax={100}>
          <span style={{ width: `${share}%` }} />
        </div>
      )}
      {problem && (
        <p className="notice" role="alert">
          {problem}
        </p>
      )}
      {todos === null && !problem && <Placeholder />}
      {todos && open.length === 0 && <Nothing done={done.length} />}
      {open.length > 0 && <Items todos={open} update={update} label="To do" />}
      {done.length > 0 && (
        <>
          <h3>Done</h3>
          <Items todos={done} update={update} label="Done" />
        </>
      )}
    </section>
  );
}

function Items({ todos, update, label }: { todos: Todo[]; update: Todos["update"]; label: string }) {
  return (
    <ul aria-label={label}>
      {todos.map((todo) => (
        <Item key={todo.id} todo={todo} update={update} />
      ))}
    </ul>
  );
}

function Item({ todo, update }: { todo: Todo; update: Todos["update"] }) {
  const [busy, setBusy] = useState(false);
  const due = !todo.done && todo.due ? describeDue(todo.due, localDate()) : null;

  async function run(change: () => Promise<unknown>) {
    setBusy(true);
    // A failure is shown above the list.
    await update(async () => void (await change())).catch(() => undefined);
    setBusy(false);
  }

  return (
    <li className={todo.done ? "done" : undefined} aria-busy={busy}>
      <label>
        <input
          type="checkbox"
          checked={todo.done}
          disabled={busy}
          onChange={() => void run(() => setDone(todo, !todo.done))}
        />
        <span className="title">{todo.title}</span>
      </label>
      {due && (
        <time dateTime={due.date} className={due.urgency}>
          {due.urgency === "overdue" && <span className="visually-hidden">Overdue: </span>}
          {due.text}
        </time>
      )}
      <button type="button" disabled={busy} aria-label={`Delete ${todo.title}`} onClick={() => void run(() => deleteTodo(todo))}>
        <svg viewBox="0 0 24 24" aria-hidden="true">
          <path d="M6 6l12 12M18 6L6 18" />
        </svg>
      </button>
    </li>
  );
}

function Nothing({ done }: { done: number }) {
  return (
    <div className="nothing">
      <svg viewBox="0 0 48 48" aria-hidden="true">
        <circle cx="24" cy="24" r="20" />
        <path d="M15 25l6 6 12-13" />
      </svg>
      <p>{done ? "Nothing is left. Enjoy!" : "Your list is empty."}</p>
      <p className="hint">Try “add buy milk tomorrow” in the chat.</p>
    </div>
  );
}

function Placeholder() {
  return (
    <div className="placeholder" role="status" aria-label="Loading">
      <span />
      <span />
      <span />
    </div>
  );
}
