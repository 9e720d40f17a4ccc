// The two tables of a model card: figures of each class, and which classes are taken for which.

import { element } from "./markup.js";
import { number, percent, title } from "./wording.js";

const HEADINGS = { n: "Pictures", f1: "F1" };

/** Tabulate {class: {figure: number}}; shares as percentages, counts as they are. Null where there is nothing. */
export function showPerClass(perClass) {
  const entries = Object.entries(perClass ?? {}).filter(([, figures]) => figures && typeof figures === "object");
  if (entries.length === 0) return null;
  const columns = [...new Set(entries.flatMap(([, figures]) => Object.keys(figures)))];
  const rows = entries.map(([name, figures]) => [name, columns.map((column) => cell(figure(figures[column])))]);
  return table("Each class", null, ["class", ...columns], rows);
}

/** Tabulate counts [true class][predicted class], shaded by share of the true class. Null where there is nothing. */
export function showConfusion(matrix, labels, split) {
  if (!Array.isArray(matrix) || matrix.length === 0 || matrix.length !== labels.length) return null;
  const rows = matrix.map((counts, truth) => {
    const total = counts.reduce((sum, count) => sum + count, 0);
    const cells = counts.map((count, guess) => {
      const made = cell(number(count), guess === truth ? "right" : "wrong");
      made.style.setProperty("--share", total ? count / total : 0);
      return made;
    });
    return [labels[truth], cells];
  });
  const where = split ? ` on the ${split} pictures` : "";
  const note = `A row is what the pictures show, a column what the model said${where}. Numbers count pictures.`;
  return table("Confusion matrix", note, ["true class", ...labels], rows);
}

function table(heading, note, columns, rows) {
  const head = columns.map((name) => element("th", { scope: "col" }, HEADINGS[name] ?? title(name)));
  const body = rows.map(([name, cells]) => element("tr", {}, element("th", { scope: "row" }, title(name)), cells));
  const made = element(
    "table",
    {},
    element("caption", { class: "visually-hidden" }, [heading, note].filter(Boolean).join(". ")),
    element("thead", {}, element("tr", {}, head)),
    element("tbody", {}, body),
  );
  return element(
    "div",
    {},
    element("h3", {}, heading),
    note ? element("p", { class: "fine", "aria-hidden": "true" }, note) : null, // the caption says it
    // Focusable, so that the keyboard can scroll a table that is wider than a phone.
    element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": heading }, made),
  );
}

const cell = (text, kind = null) => element("td", { class: kind }, text);

function figure(value) {
  if (typeof value?.value === "number") return figure(value.value);
  if (typeof value !== "number") return value === null || value === undefined ? "–" : String(value);
  return Number.isInteger(value) && value > 1 ? number(value) : percent(value);
}
