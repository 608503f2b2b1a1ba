// @vitest-environment happy-dom

import { cleanup, render, screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Board } from "@/components/Board";
import { localDate } from "@/lib/api";
import { describeDue } from "@/lib/due";
import { type Running, serve, Todos } from "./server";

let backend: Todos;
let server: Running;
const user = userEvent.setup();

beforeEach(async () => {
  backend = new Todos();
  server = await serve(backend.listener);
  (window as unknown as { happyDOM: { setURL: (url: string) => void } }).happyDOM.setURL(`${server.origin}/`);
});

afterEach(async () => {
  cleanup();
  await server.stop();
});

test("a todo that is added by chat appears in the list", async () => {
  render(<Board />);
  expect(await screen.findByText("Your list is empty.")).toBeTruthy();
  await user.type(screen.getByLabelText("Message"), "add buy milk{Enter}");
  const log = screen.getByRole("log");
  expect(await within(log).findByText("Added “buy milk”.")).toBeTruthy();
  expect(within(log).getByText("add buy milk")).toBeTruthy();
  expect(await within(screen.getByRole("list", { name: "To do" })).findByText("buy milk")).toBeTruthy();
});

test("ticking moves a todo to the done ones, and deleting removes it", async () => {
  backend.add("buy milk");
  backend.add("call Bob");
  render(<Board />);
  await user.click(await screen.findByRole("checkbox", { name: "buy milk" }));
  const done = await screen.findByRole("list", { name: "Done" });
  expect(within(done).getByRole<HTMLInputElement>("checkbox", { name: "buy milk" }).checked).toBe(true);
  await user.click(screen.getByRole("button", { name: "Delete call Bob" }));
  expect(await screen.findByText("Nothing is left. Enjoy!")).toBeTruthy();
});

test("when the backend fails the page says so, keeps the message, and recovers", async () => {
  backend.broken = true;
  render(<Board />);
  expect((await screen.findByRole("alert")).textContent).toBe("The database does not answer; try again shortly.");
  const input = screen.getByLabelText<HTMLInputElement>("Message");
  await user.type(input, "add milk{Enter}");
  expect(await within(screen.getByRole("log")).findByText(/does not answer/)).toBeTruthy();
  expect(input.value).toBe("add milk");
  backend.broken = false;
  await user.type(input, "{Enter}");
  expect(await screen.findByRole("checkbox", { name: "milk" })).toBeTruthy();
  expect(screen.queryByRole("alert")).toBeNull();
});

test("due dates are said as people do", () => {
  const said = (due: string) => Object.values(describeDue(due, "2026-11-23")).slice(1);
  expect(said("2026-11-20")).toEqual(["20 Nov", "overdue"]);
  expect(said("2026-11-23")).toEqual(["Today", "today"]);
  expect(said("2026-11-24")).toEqual(["Tomorrow", "later"]);
  expect(said("2026-11-27")).toEqual(["Friday", "later"]);
  expect(said("2027-01-15")).toEqual(["15 Jan 2027", "later"]);
  expect(localDate(new Date(2026, 0, 5, 23, 59))).toBe("2026-01-05");
});
