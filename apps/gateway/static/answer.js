// The answer panel: one of its views at a time.

import { offerKey } from "./key.js";
import { byId, element } from "./markup.js";
import { label, number, percent, title } from "./wording.js";

const FIRST_CLASSES = 10; // further classes are folded away
const CLOSE_CALL = 0.2; // first and second guess this near to each other deserve a word of doubt

// Where the panels lie below each other, an answer comes up below the fold of a phone.
const STACKED = matchMedia("(max-width: 55.99rem)");
const STILL = matchMedia("(prefers-reduced-motion: reduce)");
const VIEWS = ["idle", "busy", "paused", "result", "error"];

/** Show that nothing was asked yet, and which classes the model knows. */
export function showIdle(text, labels = []) {
  byId("idle-text").textContent = text;
  const rows = labels.slice(0, FIRST_CLASSES).map((name) => row(name, null, null));
  byId("idle-labels").replaceChildren(...rows);
  byId("idle-labels").hidden = labels.length === 0;
  byId("idle-more").hidden = labels.length <= FIRST_CLASSES;
  byId("idle-more").textContent = `and ${number(labels.length - FIRST_CLASSES)} more`;
  view("idle");
}

/** Show that work is going on and can be cancelled. */
export function showBusy(text) {
  byId("busy-text").textContent = text;
  announce(text);
  view("busy");
}

/** Show that the user stopped it, and what is left. */
export function showPaused(text) {
  byId("paused-text").textContent = text;
  announce(text);
  view("paused");
}

/** Show a prediction that took so many milliseconds: the verdict and a bar for every class, likeliest first. */
export function showResult(prediction, elapsedMs) {
  const ranking = Object.entries(prediction.probabilities).sort((one, other) => other[1] - one[1]);
  const [[first, share], second] = ranking;
  byId("verdict-label").textContent = title(first);
  byId("verdict-share").textContent = percent(share);

  const close = second !== undefined && share - second[1] < CLOSE_CALL;
  byId("verdict-note").hidden = !close;
  byId("verdict-note").textContent = close 
    ? `A close call: ${label(second[0])} is nearly as likely to this model.`
    : "";

  const bars = ranking.map(([name, probability], place) => bar(name, probability, place === 0));
  byId("bars").replaceChildren(...bars.slice(0, FIRST_CLASSES));
  byId("more").hidden = bars.length <= FIRST_CLASSES;
  byId("more-title").textContent = `The other ${number(bars.length - FIRST_CLASSES)} classes`;
  byId("more-bars").replaceChildren(...bars.slice(FIRST_CLASSES));

  const { name, version } = prediction.model;
  const by = version ? `${name}, version ${version},` : name;
  byId("provenance").textContent = `Answered by ${by} in ${number(Math.round(elapsedMs))} ms.`;
  announce(`${title(first)}, ${percent(share)}.${second ? ` Next: ${label(second[0])}, ${percent(second[1])}.` : ""}`);
  view("result");
}

/** Show a problem: its title, detail and, for the people who run the server, status and request id. */
export function showError(problem) {
  const { status, requestId } = problem;
  const fine = [status && `Status ${status}`, requestId && `Request ${requestId}`].filter(Boolean).join(" · ");
  const wait = problem.retryAfterS > 0 ? `The server asks to wait ${problem.retryAfterS} s before trying again.` : "";
  announce("");
  offerKey(status);
  view("error");
  byId("error").replaceChildren(
    element("h3", {}, problem.title),
    ...(problem.detail && problem.detail !== problem.title ? [element("p", {}, problem.detail)] : []),
    ...(wait ? [element("p", {}, wait)] : []),
    ...(fine ? [element("p", { class: "fine" }, fine)] : []),
  );
}

function bar(name, probability, isFirst) {
  const fill = element("span", { class: "fill" });
  // Through the object model: the Content-Security-Policy rightly refuses style attributes.
  fill.style.inlineSize = `${Math.max(0, Math.min(1, probability)) * 100}%`;
  return row(name, element("span", { class: "share" }, percent(probability)), fill, isFirst);
}

function row(name, share, fill, isFirst = false) {
  return element(
    "li",
    { class: isFirst ? "first" : null },
    element("span", { class: "name" }, title(name)),
    " ",
    share,
    element("span", { class: "track", "aria-hidden": "true" }, fill),
  );
}

function announce(text) {
  byId("announcement").textContent = text;
}

function view(shown) {
  const panel = byId("answer");
  const focused = VIEWS.find((name) => byId(`answer-${name}`).contains(document.activeElement));
  for (const name of VIEWS) byId(`answer-${name}`).hidden = name !== shown;
  panel.dataset.view = shown;
  panel.setAttribute("aria-busy", String(shown === "busy"));
  if (shown !== "error") byId("error").replaceChildren();
  // A button that had the focus is gone: without this, the keyboard would start again at the top of the page.
  if (focused && focused !== shown) byId("answer-title").focus({ preventScroll: true });
  if ((shown === "result" || shown === "error") && STACKED.matches) {
    panel.scrollIntoView({ block: "nearest", behavior: STILL.matches ? "instant" : "smooth" });
  }
}
