// Elements of the page, and texts by code points.

/** Make an element with attributes; those that are false or undefined are left out. */
export function element(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

/** The same in SVG. */
export function drawn(name, attributes = {}, ...children) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
}

function filled(made, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children);
  return made;
}

/** A field set's choices, one of which is made: radio buttons that look like one control. */
export function choices(name, labels, chosen, onChange) {
  return Object.entries(labels).map(([value, label]) => {
    const input = element("input", { type: "radio", name, value, checked: value === chosen });
    input.addEventListener("change", () => onChange(value));
    return element("label", {}, input, element("span", {}, label));
  });
}

/**
 * A text cut at ranges that do not overlap, such as those of entities.
 *
 * @param {string} text
 * @param {{start: number, end: number}[]} ranges In code points, in order.
 * @returns {{text: string, range?: object}[]} The parts; `range` is missing between the ranges.
 */
export function cut(text, ranges) {
  const characters = [...text];
  const parts = [];
  let at = 0;
  for (const range of ranges) {
    parts.push({ text: characters.slice(at, range.start).join("") });
    parts.push({ text: characters.slice(range.start, range.end).join(""), range });
    at = range.end;
  }
  parts.push({ text: characters.slice(at).join("") });
  return parts.filter((part) => part.text);
}
