// Everything the page asks of the service goes through here.

import { say } from "./say.js";

/** Read a JSON document; null where the service did not answer well. */
export async function get(path, signal) {
  try {
    const answer = await fetch(path, { signal, cache: "no-store" });
    return answer.ok ? await answer.json() : null;
  } catch {
    return null; // gone, or too slow: whoever asks says so
  }
}

/** Send a write with the page's token, which changes with every start; return { fault, answer }, fault "" when done. */
export async function post(path, body) {
  try {
    const { token } = await (await fetch("api/v1/page-token", { cache: "no-store" })).json();
    if (!token) return { fault: say("notHere"), answer: null };
    const answer = await fetch(path, { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json", "X-Parkwatt-Token": token } });
    const told = await answer.json();
    return answer.ok ? { fault: "", answer: told } : { fault: String(told.detail), answer: null };
  } catch {
    return { fault: say("notSaved"), answer: null };
  }
}
