// The ways in for a picture (choose, photograph, drop, paste, link) and its preview.

import { takePhoto } from "./camera.js";
import { byId } from "./markup.js";
import { bytes } from "./wording.js";

let shownObjectUrl = null;

/**
 * Call onPicture with {file} or {url} whenever somebody gives a picture, and onRefusal with a sentence
 * when what they gave holds none.
 */
export function listenForPictures(onPicture, onRefusal) {
  const files = (list) => {
    const pictures = [...list];
    const file = pictures.find((one) => one.type.startsWith("image/")) ?? pictures[0];
    if (file) onPicture({ file });
    return Boolean(file);
  };
  listenForFiles(files);
  listenForDrops(files, onPicture, onRefusal);
  listenForPastes(files, onPicture);
  listenForLinks(onPicture);
}

/** Show the picture ({file} or {url}) on the stage. */
export function preview(picture) {
  if (shownObjectUrl) URL.revokeObjectURL(shownObjectUrl);
  shownObjectUrl = picture.file ? URL.createObjectURL(picture.file) : null;
  const image = byId("preview");
  const name = picture.file ? picture.file.name || "Pasted picture" : nameOf(picture.url);
  const size = picture.file ? ` · ${bytes(picture.file.size)}` : "";
  byId("stage").classList.add("filled");
  byId("stage-empty").hidden = true;
  byId("no-preview").hidden = true;
  byId("caption").hidden = false;
  byId("caption").textContent = name + size;
  image.hidden = false;
  image.alt = `Your picture: ${name}`;
  image.onload = () => {
    byId("caption").textContent = `${name} · ${image.naturalWidth} × ${image.naturalHeight}${size}`;
  };
  image.onerror = () => {
    image.hidden = true;
    byId("no-preview").hidden = false;
  };
  image.src = shownObjectUrl ?? picture.url;
  byId("link").value = picture.url ?? "";
  byId("link-problem").textContent = "";
  byId("link").removeAttribute("aria-invalid");
}

/** Return the text as an absolute http(s) address, or null if it is none. */
export function webAddress(text) {
  try {
    const { protocol, href } = new URL(text.trim());
    return protocol === "http:" || protocol === "https:" ? href : null;
  } catch {
    return null;
  }
}

function nameOf(url) {
  const { hostname, pathname } = new URL(url);
  return pathname.split("/").filter(Boolean).pop() ?? hostname;
}

function listenForFiles(files) {
  for (const id of ["file", "capture"]) {
    byId(id).addEventListener("change", (event) => {
      files(event.target.files);
      event.target.value = ""; // so that choosing the same file again is a change again
    });
  }
  byId("choose").addEventListener("click", () => byId("file").click());
  byId("stage").addEventListener("click", () => byId("file").click());

  // Phones and tablets have a camera app behind `capture`; elsewhere it would only open the file chooser.
  const touch = matchMedia("(hover: none) and (pointer: coarse)");
  byId("photograph").hidden = !touch.matches && !navigator.mediaDevices?.getUserMedia;
  byId("photograph").addEventListener("click", async () => {
    if (touch.matches) byId("capture").click();
    else files([await takePhoto()].filter(Boolean));
  });
}

function listenForDrops(files, onPicture, onRefusal) {
  const stage = byId("stage");
  let depth = 0; // dragenter and dragleave also come from children
  const mark = (change) => {
    depth = Math.max(0, depth + change);
    stage.classList.toggle("target", depth > 0);
  };
  document.addEventListener("dragenter", () => mark(1));
  document.addEventListener("dragleave", () => mark(-1));
  // The whole page takes drops: a picture dropped beside the stage must not navigate away from here.
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    mark(-depth);
    const { dataTransfer } = event;
    const lines = dataTransfer.getData("text/uri-list").split(/\r?\n/);
    const url = webAddress(lines.find((line) => line && !line.startsWith("#")) ?? ""); // # is a comment, RFC 2483
    if (files(dataTransfer.files)) return;
    if (url) onPicture({ url });
    else onRefusal("What you dropped holds no picture and no link to one.");
  });
}

function listenForPastes(files, onPicture) {
  document.addEventListener("paste", (event) => {
    if (files(event.clipboardData.files)) {
      event.preventDefault();
      return;
    }
    const url = webAddress(event.clipboardData.getData("text/plain"));
    if (url && event.target.id !== "link") onPicture({ url });
  });
}

function listenForLinks(onPicture) {
  byId("link-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const field = byId("link");
    const url = webAddress(field.value);
    if (url) {
      onPicture({ url });
      return;
    }
    field.setAttribute("aria-invalid", "true");
    byId("link-problem").textContent = "Give a full address that starts with http:// or https://.";
    field.focus();
  });
}
