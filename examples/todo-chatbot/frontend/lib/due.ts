export interface Due {
  date: string;
  text: string;
  urgency: "overdue" | "today" | "later";
}

/** How a due date (YYYY-MM-DD) is said on a given day. */
export function describeDue(due: string, today: string): Due {
  const day = new Date(`${due}T00:00:00Z`);
  const days = Math.round((day.getTime() - Date.parse(`${today}T00:00:00Z`)) / 86_400_000);
  const urgency = days < 0 ? "overdue" : days === 0 ? "today" : "later";
  if (days === -1) return { date: due, text: "Yesterday", urgency };
  if (days === 0) return { date: due, text: "Today", urgency };
  if (days === 1) return { date: due, text: "Tomorrow", urgency };
  const format: Intl.DateTimeFormatOptions =
    days > 1 && days < 7
      ? { weekday: "long" }
      : { day: "numeric", month: "short", ...(due.slice(0, 4) === today.slice(0, 4) ? {} : { year: "numeric" }) };
  return { date: due, text: day.toLocaleDateString("en-GB", { ...format, timeZone: "UTC" }), urgency };
}
