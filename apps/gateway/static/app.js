// The page: one model, one picture, one answer at a time.

import { showBusy, showError, showIdle, showPaused, showResult } from "./answer.js";
import { Problem, classify, describeModel, listModels } from "./api.js";
import { showCard, showCardProblem } from "./card.js";
import { listenForKey } from "./key.js";
import { byId, element } from "./markup.js";
import { listenForPictures, preview, webAddress } from "./picture.js";
import { title } from "./wording.js";

const wanted = new URLSearchParams(location.search);
let models = [];
let picture = null;
let asking = new AbortController(); // the one list or classify request that may be on its way
let describing = new AbortController();
let again = loadModels; // what "Try again" does

/** Run a request as the only one of its kind: an earlier one is cancelled, and its answer never shown. */
async function ask(text, request, onAnswer) {
  asking.abort();
  asking = new AbortController();
  const { signal } = asking;
  byId("stage").classList.toggle("scanning", picture !== null);
  showBusy(text);
  try {
    const answer = await request(signal);
    if (!signal.aborted) onAnswer(answer);
  } catch (error) {
    if (!signal.aborted) showError(error instanceof Problem ? error : unexpected(error));
  } finally {
    if (!signal.aborted) byId("stage").classList.remove("scanning");
  }
}

function loadModels() {
  again = loadModels;
  return ask("Asking the server for its models…", listModels, (list) => {
    models = list.models ?? [];
    if (models.length === 0) {
      fillChooser("No models");
      showError(new Problem({ title: "This server serves no model", detail: "It may still be starting." }));
      return;
    }
    const names = models.map((model) => model.name);
    const asked = wanted.get("model");
    const chosen = [byId("model").value, asked, list.default, names[0]].find((name) => names.includes(name));
    fillChooser(null, chosen);
    const unknown = asked && asked !== chosen;
    showModel(unknown ? `There is no model “${asked}” here; ${title(chosen)} is chosen instead. ` : "");
    const url = webAddress(wanted.get("url") ?? "");
    for (const name of ["model", "url"]) wanted.delete(name);
    if (url && !picture) hold({ url });
    if (!isAvailable()) showAbsence();
    else if (picture) classifyPicture();
    else rest();
  });
}

const isAvailable = () => (chosenModel()?.state ?? "AVAILABLE") === "AVAILABLE";

function showAbsence() {
  const { name, state } = chosenModel();
  again = loadModels;
  const detail = `It is ${state.toLowerCase()}; it may still be starting.`;
  showError(new Problem({ title: `The model ${name} cannot answer now`, detail }));
}

function fillChooser(placeholder, chosen) {
  const select = byId("model");
  select.disabled = placeholder !== null;
  const options = models.map((model) => {
    const state = model.state && model.state !== "AVAILABLE" ? ` (${model.state.toLowerCase()})` : "";
    return element("option", { value: model.name }, title(model.name) + state);
  });
  select.replaceChildren(...(placeholder === null ? options : [element("option", { value: "" }, placeholder)]));
  if (chosen) select.value = chosen;
}

function chosenModel() {
  return models.find((model) => model.name === byId("model").value);
}

function showModel(notice = "") {
  const model = chosenModel();
  byId("model-note").textContent = notice + (model.task ?? "");
  loadCard(model.name);
}

async function loadCard(name) {
  describing.abort();
  describing = new AbortController();
  const { signal } = describing;
  try {
    const described = await describeModel(name, signal);
    if (!signal.aborted) showCard(described);
  } catch (error) {
    if (!signal.aborted) showCardProblem(error instanceof Problem ? error : unexpected(error), () => loadCard(name));
  }
}

function rest() {
  const model = chosenModel();
  if (!isAvailable()) showAbsence();
  else showIdle("Give a picture, and this model says which of these it is:", model.labels ?? []);
}

function hold(given) {
  picture = given;
  preview(picture);
}

function take(given) {
  hold(given);
  tryPicture();
}

/** Classify the picture; first ask for the models again if there was none that could answer. */
function tryPicture() {
  if (chosenModel() && isAvailable()) classifyPicture();
  else loadModels();
}

function classifyPicture() {
  again = classifyPicture;
  remember();
  const started = performance.now();
  const { name } = chosenModel();
  return ask(
    picture.url ? "The server is fetching and looking at the picture…" : "The model is looking at the picture…",
    (signal) => classify(name, picture, signal),
    (prediction) => showResult(prediction, performance.now() - started),
  );
}

/** Keep the address bar a link to what is shown, for sharing; a local file cannot be shared so. */
function remember() {
  const query = new URLSearchParams({ model: chosenModel().name, ...(picture?.url ? { url: picture.url } : {}) });
  history.replaceState(null, "", `?${query}`);
}

function unexpected(error) {
  // Also in the console: this one is a mistake of the page, not of the server.
  console.error(error);
  return new Problem({ title: "This page made a mistake", detail: String(error.message ?? error) });
}

listenForPictures(take, (sentence) => {
  asking.abort();
  again = picture ? tryPicture : () => byId("choose").click();
  showError(new Problem({ title: "That is not a picture", detail: sentence }));
});
byId("model").addEventListener("change", () => {
  showModel();
  remember();
  if (picture) tryPicture();
  else rest();
});
byId("cancel").addEventListener("click", () => {
  asking.abort();
  byId("stage").classList.remove("scanning");
  showPaused(picture ? "Cancelled. The picture is still here." : "Cancelled.");
});
listenForKey(() => again());
for (const id of ["retry", "resume"]) byId(id).addEventListener("click", () => again());
loadModels();
