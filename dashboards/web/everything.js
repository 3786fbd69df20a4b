// Of many arrays, buildings and meters the service names those that need looking at; all of them for who asks.

import { h } from "./dom.js";

/** How many are left out, as a link to all of them; null where none is. */
export function rest(view) {
  if (!view.more) return null;
  const address = new URL(location.href);
  address.searchParams.set("all", "1");
  return h("p", { class: "calm" }, h("a", { href: `${address.pathname}${address.search}` }, view.more_text));
}
