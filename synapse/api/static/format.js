// How values are written. Unknown is "–", never 0.

export const UNKNOWN = "–";

const whole = new Intl.NumberFormat();
// 24 hours for everybody: a log is read down its column.
const clock = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});
const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const date = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });

export const count = (value) => (value === null || value === undefined ? UNKNOWN : whole.format(value));

export function duration(microseconds) {
  if (microseconds === null || microseconds === undefined) return UNKNOWN;
  const ms = microseconds / 1000;
  if (ms < 1) return `${whole.format(Math.round(microseconds))} µs`;
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  return `${(ms / 1000).toFixed(ms < 10000 ? 2 : 1)} s`;
}

export function share(part, total) {
  if (!total) return UNKNOWN;
  const percent = (100 * part) / total;
  return `${percent > 0 && percent < 10 ? percent.toFixed(1) : Math.round(percent)} %`;
}

/** Local time; the day only when it is not today's. */
export function time(iso) {
  const at = new Date(iso);
  const isToday = at.toDateString() === new Date().toDateString();
  return isToday ? clock.format(at) : `${day.format(at)} ${clock.format(at)}`;
}

export const localDate = (iso) => date.format(new Date(iso));
export const utc = (iso) => `${new Date(iso).toISOString().replace("T", " ").replace("Z", "")} UTC`;

export function ago(milliseconds) {
  const seconds = Math.round(milliseconds / 1000);
  if (seconds < 2) return "just now";
  if (seconds < 60) return `${seconds} s ago`;
  return `${Math.round(seconds / 60)} min ago`;
}
