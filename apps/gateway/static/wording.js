// How numbers, labels and times read on the page.

const SHARE = new Intl.NumberFormat("en", { style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1 });
const COUNT = new Intl.NumberFormat("en", { maximumFractionDigits: 4 });
const DATE = new Intl.DateTimeFormat("en", { dateStyle: "long", timeZone: "UTC" });

/** Write a probability in [0, 1] as a percentage; never round a doubt away to 0.0% or 100.0%. */
export function percent(share) {
  if (share > 0 && share < 0.001) return "<0.1%";
  if (share < 1 && share > 0.999) return ">99.9%";
  return SHARE.format(share);
}

/** Write a number for people: 1,574 or 0.0213. */
export const number = (value) => COUNT.format(value);

/** Write a class name or a key of the card for people: not_pizza -> not pizza. */
export const label = (name) => String(name).replaceAll("_", " ");

/** Write the same with a capital first letter, for headings and terms. */
export function title(name) {
  const text = label(name);
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Write an ISO 8601 time as a date; anything else stays as it is. */
export function date(value) {
  const time = new Date(value);
  return Number.isNaN(time.getTime()) ? String(value) : DATE.format(time);
}

/** Write a size in bytes: 812 kB, 3.4 MB. */
export function bytes(count) {
  if (count < 1000) return `${count} bytes`;
  if (count < 1_000_000) return `${Math.round(count / 1000)} kB`;
  return `${(count / 1_000_000).toFixed(1)} MB`;
}

/** Write any JSON value of a card on one line; null where it says nothing. */
export function plain(value) {
  if (value === null || value === undefined || value === "") return null;
  if (typeof value === "number") return number(value);
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (Array.isArray(value)) return value.map(plain).filter(Boolean).join(", ") || null;
  if (typeof value === "object") {
    const parts = Object.entries(value).map(([key, inner]) => [label(key), plain(inner)]);
    return parts.filter(([, text]) => text).map(([key, text]) => `${key} ${text}`).join(", ") || null;
  }
  return String(value);
}
