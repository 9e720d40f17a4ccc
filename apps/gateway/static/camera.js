// The camera dialog for computers; phones use their camera app instead.

import { byId } from "./markup.js";

const LONGEST_SIDE = 1280; // pixels asked of the camera; a model looks at a few hundred

/** Let the user take a photo. Returns it as a JPEG File, or null if they close the dialog. */
export async function takePhoto() {
  const dialog = byId("camera");
  const video = byId("viewfinder");
  byId("camera-problem").textContent = "";
  byId("shutter").disabled = true;
  const closed = new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
  dialog.returnValue = "";
  dialog.showModal();
  byId("camera-close").onclick = () => dialog.close();
  byId("shutter").onclick = () => dialog.close("photo");

  let stream = null;
  // Not awaited: whoever closes the dialog must not wait for the answer to the browser's question for permission.
  const opening = openCamera().then((opened) => {
    stream = opened;
    if (!dialog.open) return stop(opened);
    video.srcObject = opened;
    return video.play().then(() => {
      byId("shutter").disabled = false;
      byId("shutter").focus();
    });
  });
  opening.catch((error) => {
    byId("camera-problem").textContent = reason(error);
  });

  await closed;
  const photo = dialog.returnValue === "photo" ? await frame(video) : null;
  if (stream) stop(stream);
  video.srcObject = null;
  return photo;
}

function openCamera() {
  const video = { facingMode: "environment", width: { ideal: LONGEST_SIDE } };
  return navigator.mediaDevices.getUserMedia({ video, audio: false });
}

const stop = (stream) => stream.getTracks().forEach((track) => track.stop());

function frame(video) {
  const canvas = document.createElement("canvas");
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  canvas.getContext("2d").drawImage(video, 0, 0);
  return new Promise((resolve) => {
    canvas.toBlob((blob) => resolve(blob && new File([blob], "photo.jpg", { type: "image/jpeg" })), "image/jpeg", 0.92);
  });
}

function reason(error) {
  if (error.name === "NotAllowedError") return "The browser does not let this page use the camera.";
  if (error.name === "NotFoundError") return "No camera was found.";
  return "The camera cannot be used. Another program may be holding it.";
}
