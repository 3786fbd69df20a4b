// Everything the page asks of the service goes through here.
//
// Where users sign in, the document hears of it: `parkwatt:signed-in` when the first answer came to somebody who is, and
// `parkwatt:signed-out` whenever the service asks for that. who.js listens; whoever asked gets null, or a fault in words.

import { say, spoken } from "./say.js";

const WORDS = {
  zh: { signIn: "会话已结束。请重新登录后再试；已填写的内容仍在。", notAllowed: "您的角色不允许此操作；请联系管理员。" },
  en: { signIn: "Your session has ended. Sign in and try again; what you typed is still here.", notAllowed: "Your role does not allow this; ask an admin." },
};
let met = false;
let out = false;

/** Whether the service last asked for somebody to sign in: it answers, only not to whoever asks. */
export const signedOut = () => out;

function heard(answer) {
  out = answer.status === 401;
  if (out) document.dispatchEvent(new Event("parkwatt:signed-out"));
  else if (!met && answer.headers.get("parkwatt-signed-in")) {
    met = true;
    document.dispatchEvent(new Event("parkwatt:signed-in"));
  }
  return answer;
}

/** Read a JSON document; null where the service did not answer well. */
export async function get(path, signal) {
  try {
    const answer = heard(await fetch(path, { signal, cache: "no-store" }));
    return answer.ok ? await answer.json() : null;
  } catch {
    return null; // gone, or too slow: whoever asks says so
  }
}

/** Send a write with the page's token, which changes with every start and session; return { fault, answer, status }, fault "" when done. */
export async function post(path, body, method = "POST") {
  const words = WORDS[spoken()] ?? WORDS.en;
  try {
    const shown = heard(await fetch("api/v1/page-token", { cache: "no-store" }));
    if (shown.status === 401) return { fault: words.signIn, answer: null, status: 401 };
    const { token } = await shown.json();
    if (!token) return { fault: say("notHere"), answer: null, status: 403 };
    const answer = heard(await fetch(path, { method, body: JSON.stringify(body), headers: { "Content-Type": "application/json", "X-Parkwatt-Token": token } }));
    const { status } = answer;
    if (status === 401) return { fault: words.signIn, answer: null, status };
    const told = status === 204 ? null : await answer.json();
    if (answer.ok) return { fault: "", answer: told, status };
    const lacking = status === 403 && String(told.detail).startsWith("this needs the role");
    if (lacking) document.dispatchEvent(new Event("parkwatt:refused")); // the role was changed meanwhile
    return { fault: lacking ? words.notAllowed : String(told.detail), answer: null, status };
  } catch {
    return { fault: say("notSaved"), answer: null, status: 0 };
  }
}
