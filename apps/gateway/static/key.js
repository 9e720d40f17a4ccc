// The API key, where the server asks for one: typed by a person, and kept until the tab is closed.

import { byId } from "./markup.js";

const KEPT = "api-key";
const UNAUTHORIZED = 401;

/** Give the header that carries the key; none before one was typed. */
export function keyHeader() {
  const key = sessionStorage.getItem(KEPT);
  return key ? { Authorization: `Bearer ${key}` } : {};
}

/** Show the field for a key where it would help against a problem of this status. */
export function offerKey(status) {
  byId("key-form").hidden = status !== UNAUTHORIZED;
}

/** Call `onKey` whenever somebody has typed a key. */
export function listenForKey(onKey) {
  byId("key-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const key = byId("key").value.trim();
    if (!/^[\x21-\x7e]+$/.test(key)) {
      byId("key").focus(); // what a header cannot carry is no key
      return;
    }
    sessionStorage.setItem(KEPT, key);
    byId("key").value = "";
    onKey();
  });
}
