import { Board } from "@/components/Board";

export default function Page() {
  return (
    <>
      <header className="top">
        <svg viewBox="0 0 32 32" aria-hidden="true">
          <rect width="32" height="32" rx="9" />
          <path d="M9 16.5l4.8 4.8L23 11.5" />
        </svg>
        <h1>Todo chatbot</h1>
        <p>A list that you talk to</p>
      </header>
      <Board />
    </>
  );
}
