// The page where one signs in works without this. With it: the chosen look, and the way back in the other language too.

import "./theme.js";

const form = document.querySelector("form");
const name = form.elements.namedItem("name");
if (name.value) form.elements.namedItem("password").focus();

// What stands after # never reaches the service: it is carried on from the address the page sent us here with.
const next = form.elements.namedItem("next");
const other = document.getElementById("other");
other.href += encodeURIComponent(next.value.replace(/([?&]lang=)(zh|en)/, (_, before) => before + other.lang.slice(0, 2)));

// Signed in already, in another window: go on. A link from elsewhere comes here without the cookie.
const me = await fetch("api/v1/me", { cache: "no-store" }).catch(() => null);
if (me?.ok && !document.getElementById("fault").textContent) location.replace(`./${next.value}`);
