// Build and find elements. Text only ever enters the page as text nodes, so no answer of a server can become markup.

/** Return the page's element with this id. */
export const byId = (id) => document.getElementById(id);

/** Build an element with attributes (false, null and undefined are left out) and children (elements or text). */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}
