// The calls to the gateway that the page makes, and the one kind of error that they end in.

import { keyHeader } from "./key.js";

const TIMEOUT_MS = 60_000; // longer than any deadline of the gateway: only a lost connection gets here
const LARGE_BYTES = 4_000_000; // an upload refused half-way looks like a lost connection to a browser

/** What went wrong, in words for people: title, detail, status (0: no answer), request id, seconds to wait. */
export class Problem extends Error {
  constructor({ title, detail = "", status = 0, requestId = "", retryAfterS = null }) {
    super(title);
    Object.assign(this, { title, detail, status, requestId, retryAfterS });
  }
}

/** List the models: {default, models: [{name, state, version, labels, ...}]}. */
export const listModels = (signal) => call("v1/models", { signal });

/** Describe one model: {name, state, version, versions, labels, input, card}. */
export const describeModel = (name, signal) => call(`v1/models/${encodeURIComponent(name)}`, { signal });

/**
 * Classify a picture, {file} or {url}, with the model of this name.
 * Returns {label, probability, probabilities, model: {name, version}}.
 * Rejects with Problem, or with AbortError when cancelled.
 */
export async function classify(name, picture, signal) {
  const request = { method: "POST", signal };
  if (picture.file) {
    request.body = new FormData();
    request.body.append("file", picture.file, picture.file.name || "picture");
  } else {
    request.headers = { "Content-Type": "application/json" };
    request.body = JSON.stringify({ instances: [{ url: picture.url }] });
  }
  const answer = await call(`v1/models/${encodeURIComponent(name)}:predict`, request, picture.file?.size ?? 0);
  const prediction = answer.predictions?.[0];
  if (prediction?.error) throw problemOf(prediction.error, answer.request_id);
  if (!prediction?.probabilities) throw unreadable(200);
  return { ...prediction, model: answer.model ?? { name } };
}

async function call(path, options, sentBytes = 0) {
  const { signal } = options;
  let response;
  try {
    response = await fetch(path, {
      ...options,
      headers: { Accept: "application/json, application/problem+json", ...keyHeader(), ...options.headers },
      signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
    });
  } catch (error) {
    throw signal.aborted ? error : lost(error, sentBytes);
  }
  const requestId = response.headers.get("X-Request-ID") ?? "";
  let body = null;
  try {
    body = await response.json();
  } catch (error) {
    if (signal.aborted) throw error;
  }
  if (response.ok && body !== null && typeof body === "object") return body;
  if (response.ok) throw unreadable(response.status, requestId);
  throw problemOf({ status: response.status, ...body }, requestId, response.headers.get("Retry-After"));
}

function problemOf(body, requestId = "", retryAfter = null) {
  const seconds = Number.parseInt(retryAfter ?? "", 10);
  return new Problem({
    title: body.title ?? TITLES[body.status] ?? "The server could not answer",
    detail: body.detail ?? "",
    status: body.status ?? 0,
    requestId: body.request_id ?? requestId,
    retryAfterS: Number.isNaN(seconds) ? null : seconds,
  });
}

// For answers of something between page and gateway, such as an ingress, which speaks no problem+json.
const TITLES = {
  404: "There is nothing at this address of the server",
  413: "The picture is too large",
  429: "The server is busy",
  502: "The server cannot be reached",
  503: "The server is not ready",
  504: "The server took too long",
};

function unreadable(status, requestId = "") {
  const detail = "It is not what this page expects.";
  return new Problem({ title: "The server's answer cannot be read", detail, status, requestId });
}

function lost(error, sentBytes) {
  if (error.name === "TimeoutError") {
    const detail = `There was no answer within ${TIMEOUT_MS / 1000} seconds.`;
    return new Problem({ title: "The server took too long", detail });
  }
  const hint = sentBytes > LARGE_BYTES ? " The picture is large: a smaller one may go through." : "";
  const detail = `Check your connection, then try again.${hint}`;
  return new Problem({ title: "The server cannot be reached", detail });
}
