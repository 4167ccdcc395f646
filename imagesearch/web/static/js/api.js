/**
 * The service's answer to a bad request (RFC 9457): `message` says what was wrong, `status` is HTTP's. Of a picture it
 * goes without the name that the API has for it.
 */
export class Problem extends Error {
  constructor({status, title, detail, errors}) {
    const [first] = errors ?? [];
    super((first?.field === "image" ? first.message : detail) || title || `The service answered ${status}`);
    Object.assign(this, {status, errors: errors ?? []});
  }
}

/** JSON of an address, null where there is no content. Throws Problem, and AbortError when `signal` says so. */
export async function ask(url, options = {}) {
  let response;
  try {
    response = await fetch(url, {...options, headers: {Accept: "application/json", ...options.headers}});
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem({status: 0, detail: "The service does not answer. Is it running?"});
  }
  if (response.status === 204) return null;
  const body = await response.json().catch((error) => {
    if (error.name === "AbortError") throw error;
    return {}; // a proxy's error page, say
  });
  if (!response.ok) throw new Problem({status: response.status, title: response.statusText, ...body});
  return body;
}

export function patch(image, changes) {
  return ask(image.url, {
    method: "PATCH", body: JSON.stringify(changes), headers: {"Content-Type": "application/merge-patch+json"},
  });
}

export function post(url, body) {
  return ask(url, {method: "POST", body: JSON.stringify(body), headers: {"Content-Type": "application/json"}});
}

/** Whether the service learns from feedback; the page says so. */
export const learns = () => document.querySelector("main").dataset.learns === "true";

/** What a person can do about a problem: without a key, enter one. */
export function remedy(error) {
  return error.status === 401 ? {action: "Enter the key", act: () => window.location.assign("key")} : {};
}
