// The two tables of a model card: figures of each class, and which classes are taken for which.

import { element } from "./markup.js";
import { number, percent, plain, title } from "./wording.js";

/** Tabulate {class: {figure: number}}; shares as percentages, counts as they are. Null where there is nothing. */
export function showPerClass(perClass, labels) {
  const known = labels.filter((name) => perClass?.[name] && typeof perClass[name] === "object");
  if (known.length === 0) return null;
  const columns = [...new Set(known.flatMap((name) => Object.keys(perClass[name])))];
  const written = columns.map((column) => figures(known.map((name) => perClass[name][column])));
  const rows = known.map((name, row) => [name, written.map((column) => cell(column[row]))]);
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
  const head = columns.map((name) => element("th", { scope: "col" }, title(name)));
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

/** Write a column: a share of 1 and a count of 1 look the same in JSON, but a column is all shares or all counts. */
function figures(values) {
  const isShare = values.every((value) => typeof value !== "number" || (value >= 0 && value <= 1));
  return values.map((value) => {
    if (typeof value === "number") return isShare ? percent(value) : number(value);
    return plain(value) ?? "–";
  });
}
