"use client";

import { type FormEvent, useEffect, useRef, useState } from "react";
import { chat } from "@/lib/api";
import type { Todos } from "@/lib/useTodos";

interface Line {
  from: "person" | "bot" | "problem";
  text: string;
}

const WELCOME: Line = { from: "bot", text: "Hello! Tell me what to do: I keep your list." };
const SUGGESTIONS = ["add buy milk tomorrow", "what is left?", "done with milk", "help"];

export function Chat({ update }: Pick<Todos, "update">) {
  const [lines, setLines] = useState<Line[]>([WELCOME]);
  const [draft, setDraft] = useState("");
  const [waiting, setWaiting] = useState(false);
  const end = useRef<HTMLDivElement>(null);
  const input = useRef<HTMLInputElement>(null);

  useEffect(() => {
    end.current?.scrollIntoView({ block: "nearest" });
  }, [lines, waiting]);

  const write = (line: Line) => setLines((before) => [...before.slice(-199), line]);

  async function send(message: string) {
    if (!message.trim() || waiting) return;
    setDraft("");
    setWaiting(true);
    write({ from: "person", text: message.trim() });
    try {
      await update(async () => {
        const answer = await chat(message);
        write({ from: "bot", text: answer.reply });
        return answer.todos;
      });
    } catch (error) {
      write({ from: "problem", text: (error as Error).message });
      setDraft(message);
    } finally {
      setWaiting(false);
      input.current?.focus();
    }
  }

  function submit(event: FormEvent) {
    event.preventDefault();
    void send(draft);
  }

  return (
    <section className="card chat" aria-labelledby="chat-heading">
      <h2 id="chat-heading">Chat</h2>
      {/* Focusable, so that a keyboard can scroll it. */}
      <div className="log" role="log" aria-label="Conversation" tabIndex={0}>
        {lines.map((line, index) => (
          <p key={index} className={`line ${line.from}`}>
            <span className="visually-hidden">{line.from === "person" ? "You: " : "Todo chatbot: "}</span>
            {line.text}
          </p>
        ))}
        {waiting && (
          <p className="line bot typing" aria-hidden="true">
            <i />
            <i />
            <i />
          </p>
        )}
        <div ref={end} />
      </div>
      <div className="suggestions" role="group" aria-label="Suggestions">
        {SUGGESTIONS.map((text) => (
          <button key={text} type="button" disabled={waiting} onClick={() => void send(text)}>
            {text}
          </button>
        ))}
      </div>
      <form onSubmit={submit}>
        <input
          ref={input}
          value={draft}
          onChange={(event) => setDraft(event.target.value)}
          aria-label="Message"
          placeholder="add call Bob on friday"
          maxLength={500}
          autoComplete="off"
          enterKeyHint="send"
        />
        <button type="submit" className="send" disabled={waiting || !draft.trim()} aria-label="Send">
          <svg viewBox="0 0 24 24" aria-hidden="true">
            <path d="M5 12h13M12 5l7 7-7 7" />
          </svg>
        </button>
      </form>
    </section>
  );
}
