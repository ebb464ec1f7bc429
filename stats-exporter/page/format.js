/* Numbers as people read them, and as the engine counts them: 64 bits. A counter is a Number as long as that is exact
 * and a BigInt beyond, which parse() sees to; add() and sub() take both. */

const WHOLE = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const FEW = new Intl.NumberFormat("en-US", { maximumFractionDigits: 3 });
const PREFIXES = ["", "k", "M", "G", "T", "P", "E"];
// texts first, so that a long number inside one is passed over
const LONG = /"(?:[^"\\]|\\.)*"|(?<![\d.])-?\d{16,}(?![\d.eE])/g;
const MARK = "\u0001";

/* A document; whole numbers beyond 2^53 become BigInts. */
export function parse(text) {
  if (!/\d{16}/.test(text))
    return JSON.parse(text);
  const marked = text.replace(LONG, (m) => (m[0] === "\"" ? m : `"\\u0001${m}"`));
  return JSON.parse(marked, (key, v) => {
    if (typeof v !== "string" || v[0] !== MARK)
      return v;
    const n = BigInt(v.slice(1));
    return Number.isSafeInteger(Number(n)) ? Number(n) : n;
  });
}

const small = (n) => (Number.isSafeInteger(Number(n)) ? Number(n) : n);

export function add(a, b) {
  const n = Number(a) + Number(b);
  return Number.isSafeInteger(n) && typeof a === "number" && typeof b === "number" ? n : small(BigInt(a) + BigInt(b));
}

export function sub(a, b) {
  return typeof a === "number" && typeof b === "number" ? a - b : small(BigInt(a) - BigInt(b));
}

export const known = (v) => v !== null && v !== undefined && !Number.isNaN(v);

/* All its digits. */
export function exact(v, unit = "") {
  if (!known(v))
    return "not known";
  const text = typeof v === "bigint" || Number.isInteger(v) ? WHOLE.format(v) : FEW.format(v);
  return unit ? `${text} ${unit}` : text;
}

function digits(n) {
  if (Number.isInteger(n))
    return String(n);
  const places = n >= 100 ? 0 : n >= 10 ? 1 : 2;
  return n.toFixed(places);
}

/* Three digits and a prefix: 1.23 M. */
export function human(v) {
  if (!known(v))
    return "–";
  let n = Math.abs(Number(v)), i = 0;
  // what would be rounded to 1000 is of the next prefix
  while (n >= 999.5 && i < PREFIXES.length - 1) {
    n /= 1000;
    i++;
  }
  const text = i > 0 ? n.toFixed(n >= 99.95 ? 0 : n >= 9.995 ? 1 : 2) : digits(n);
  return `${Number(v) < 0 ? "−" : ""}${text}${i > 0 ? `\u202f${PREFIXES[i]}` : ""}`;
}

/* With a unit that takes the prefix: 1.23 Gbit/s. */
export function humanOf(v, unit) {
  if (!known(v))
    return "–";
  const text = human(v);
  return /[kMGTPE]$/.test(text) ? text + unit : `${text}\u202f${unit}`;
}

export function percent(v) {
  return known(v) ? `${Number(v).toFixed(v >= 99.95 || v === 0 ? 0 : 1)}\u202f%` : "–";
}

export function latency(ns) {
  if (!known(ns))
    return "–";
  const n = Number(ns);
  for (const [unit, size] of [["ns", 1], ["µs", 1e3], ["ms", 1e6]]) {
    if (n < 999.5 * size)
      return `${unit === "ns" ? Math.round(n) : digits(n / size)}\u202f${unit}`;
  }
  return `${digits(n / 1e9)}\u202fs`;
}

const two = (n) => String(n).padStart(2, "0");

export function duration(seconds) {
  if (!known(seconds))
    return "–";
  const s = Math.max(0, Math.floor(seconds));
  if (s < 60)
    return `${s}\u202fs`;
  if (s < 3600)
    return `${Math.floor(s / 60)}\u202fmin ${two(s % 60)}\u202fs`;
  if (s < 86400)
    return `${Math.floor(s / 3600)}\u202fh ${two(Math.floor(s / 60) % 60)}\u202fmin`;
  return `${Math.floor(s / 86400)}\u202fd ${Math.floor(s / 3600) % 24}\u202fh`;
}

export function clock(ms) {
  const d = new Date(ms);
  return `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;
}

/* Day and time, for titles. */
export function moment(ms) {
  const d = new Date(ms);
  return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())} ${clock(ms)}`;
}
