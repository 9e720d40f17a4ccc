// The model card: what the model is for, how good it is and where it comes from.

import { showConfusion, showPerClass } from "./card-tables.js";
import { byId, element } from "./markup.js";
import { date, label, number, percent, plain, title } from "./wording.js";

const NAMED_CLASSES = 12; // what fits into a tile; the tables name them all

/** Show the answer of GET /v1/models/{name}; parts that a card does not have are left out. */
export function showCard(model) {
  const card = model.card ?? {};
  const labels = card.labels ?? model.labels ?? [];
  const hasCard = Object.keys(card).length > 0;
  byId("card-title").textContent = `Model card: ${title(model.name)}`;
  byId("card-body").replaceChildren(
    ...[
      hasCard ? null : element("p", { class: "note" }, absence(model)),
      tiles(model, card, labels),
      element(
        "div",
        { class: "columns" },
        part(prose("What it does", card.task), prose("What it is for", card.intended_use)),
        part(prose("Its limits", card.limits)),
        part(origin(card)),
      ),
      element(
        "div",
        { class: "tables" },
        showPerClass(card.per_class, labels),
        showConfusion(card.confusion_matrix, labels, card.metrics?.split),
      ),
      hasCard ? raw(card) : null,
    ].filter(Boolean),
  );
  byId("card").hidden = false;
}

/** Show that the card could not be loaded, with a way to try again. */
export function showCardProblem(problem, onRetry) {
  const retry = element("button", { type: "button" }, "Load the card again");
  retry.addEventListener("click", onRetry);
  const text = [problem.title, problem.detail].filter(Boolean).join(". ");
  byId("card-title").textContent = "Model card";
  byId("card-body").replaceChildren(element("div", { class: "error" }, element("p", {}, text)), retry);
  byId("card").hidden = false;
}

function absence({ state }) {
  if (state && state !== "AVAILABLE") return "The model brings its card with it once it is available.";
  return "This model brings no card; this is what the server knows.";
}

function tiles(model, card, labels) {
  const { accuracy, split } = card.metrics ?? {};
  const list = [];
  if (typeof accuracy?.value === "number") {
    const { value, low, high, n } = accuracy;
    const known = typeof low === "number" && typeof high === "number";
    const interval = known ? `95% interval ${percent(low)} to ${percent(high)}` : "";
    const sample = n ? `${number(n)} pictures${split ? ` (${label(split)})` : ""}` : "";
    list.push(tile("Accuracy", percent(value), [interval, sample].filter(Boolean).join(", ")));
  }
  if (labels.length) {
    const more = labels.length > NAMED_CLASSES ? ", …" : "";
    list.push(tile("Classes", number(labels.length), labels.slice(0, NAMED_CLASSES).map(label).join(", ") + more));
  }
  const input = model.input ?? card.input;
  if (input?.height) list.push(tile("Input", `${input.width} × ${input.height}`, "pixels; pictures are resized"));
  const version = model.version ?? card.version;
  if (version) list.push(tile("Version", String(version), states(model)));
  const ece = card.calibration?.ece;
  if (typeof ece === "number") list.push(tile("Calibration error", percent(ece), "stated against observed certainty"));
  return element("dl", { class: "tiles" }, list);
}

function tile(term, value, note) {
  return element(
    "div",
    {},
    element("dt", {}, term),
    element("dd", { class: "figure" }, value),
    note ? element("dd", { class: "fine" }, note) : null,
  );
}

function states(model) {
  const lower = (state) => label(state ?? "").toLowerCase();
  const each = (model.versions ?? []).map(({ version, state, error }) =>
    [version, lower(state), error && `(${error})`].filter(Boolean).join(" "),
  );
  return each.length > 1 ? each.join(", ") : lower(model.state);
}

function prose(heading, content) {
  if (!content || content.length === 0) return [];
  const body = Array.isArray(content)
    ? element("ul", {}, content.map((sentence) => element("li", {}, plain(sentence) ?? "")))
    : element("p", {}, plain(content) ?? "");
  return [element("h3", {}, heading), body];
}

function part(...contents) {
  const inside = contents.flat();
  return inside.length ? element("div", {}, inside) : null;
}

function origin(card) {
  const { data = {} } = card;
  const rows = [
    ["Network", card.backbone],
    ["Trained on", [data.name, data.source].filter(Boolean).map(plain).join(", ")],
    ["Pictures", Object.entries(data.counts ?? {}).map(([split, count]) => `${label(split)} ${number(sum(count))}`)],
    ["Data hash", data.content_sha256 && String(data.content_sha256).slice(0, 12)],
    ["Made", card.created && date(card.created)],
    ["Commit", card.git_commit && String(card.git_commit).slice(0, 12)],
    ["Seed", card.seed],
    ["Temperature", card.calibration?.temperature],
    ["Libraries", card.libraries],
  ].map(([term, value]) => [term, plain(value)]);
  const known = rows.filter(([, text]) => text);
  if (known.length === 0) return [];
  const terms = known.flatMap(([term, text]) => [element("dt", {}, term), element("dd", {}, text)]);
  return [element("h3", {}, "Where it comes from"), element("dl", { class: "facts" }, terms)];
}

// {split: {class: count}} or {split: count}: the classes of a split are in the JSON below, for whoever needs them.
function sum(count) {
  return typeof count === "object" ? Object.values(count).reduce((total, one) => total + one, 0) : count;
}

function raw(card) {
  return element(
    "details",
    {},
    element("summary", {}, "The whole card as JSON"),
    element("pre", { tabindex: "0", role: "region", "aria-label": "Card as JSON" }, JSON.stringify(card, null, 2)),
  );
}
