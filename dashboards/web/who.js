// Who is signed in: the name in the page's header, one's own password, signing out, and signing in again in place when
// the session has ended, so that nothing typed is lost. Without users none of this appears.

import { get, post } from "./asking.js";
import { h } from "./dom.js";
import { spoken } from "./say.js";

const WORDS = {
  zh: { account: (name) => `账户：${name}`, roles: { viewer: "查看者", operator: "操作员", admin: "管理员" }, out: "退出登录", close: "关闭", signIn: "登录",
    title: "请重新登录", ended: "会话已结束。登录后可继续，已填写的内容仍在。", name: "用户名", password: "密码", wrong: "用户名或密码不正确。",
    wait: (s) => `尝试次数过多，请在 ${s} 秒后再试。`, gone: "服务没有回应，请稍后再试。", change: "修改密码", manage: "用户、令牌与操作记录", silent: "服务没有回应。", old: "当前密码", fresh: "新密码（至少 12 个字符）",
    again: "再次输入新密码", differ: "两次输入的新密码不同。", notRight: "当前密码不正确。", changed: "密码已修改，其他设备上的会话已结束。" },
  en: { account: (name) => `Account: ${name}`, roles: { viewer: "viewer", operator: "operator", admin: "admin" }, out: "Sign out", close: "Close", signIn: "Sign in",
    title: "Sign in again", ended: "Your session has ended. Sign in to go on; what you typed is still here.", name: "User name", password: "Password", wrong: "User name or password is not right.",
    wait: (s) => `Too many attempts. Try again in ${s} s.`, gone: "The service does not answer. Try again later.", change: "Change password", manage: "Users, tokens, record of changes", silent: "The service does not answer.", old: "Current password", fresh: "New password (12 characters or more)",
    again: "New password once more", differ: "The two new passwords differ.", notRight: "The current password is not right.", changed: "The password is changed; sessions on other devices have ended." },
};
const words = () => WORDS[spoken()] ?? WORDS.en;
const button = h("button", { type: "button", class: "plain account", hidden: true, "aria-haspopup": "dialog" });
let me = null;
let asking = false;
let dismissed = false;

function loginAddress() {
  const next = location.search + location.hash;
  return `login?lang=${spoken()}${next ? `&next=${encodeURIComponent(next)}` : ""}`;
}

function named() {
  button.textContent = dismissed ? words().signIn : me.name;
  button.setAttribute("aria-label", dismissed ? words().signIn : words().account(me.name));
  button.hidden = false;
}

function field(text, name, kind, complete, value = "") {
  return h("label", {}, text, h("input", { name, type: kind, autocomplete: complete, maxlength: 256, required: true, value, readonly: complete === "username" && Boolean(value) }));
}

/** Show a dialog with one form; `send` returns what to tell and whether it is a fault, "" when the dialog may close. */
function dialog(title, note, fields, action, send, ...more) {
  const fault = h("p", { class: "note", role: "alert" }, note);
  const form = h("form", { class: "door", method: "dialog" }, h("h2", {}, title), fault, fields, h("button", { type: "submit" }, action), more,
    h("button", { type: "button", on: { click: () => box.close() } }, words().close));
  const box = h("dialog", { class: "account-box", "aria-label": title }, form);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const { told, kind = "fault" } = await send(Object.fromEntries(new FormData(form)));
    fault.className = kind;
    fault.textContent = told;
    if (!told) box.close();
    else if (kind === "note") form.reset();
  });
  box.addEventListener("close", () => box.remove());
  document.body.append(box);
  box.showModal();
  return box;
}

async function signIn(given) {
  try {
    const answer = await fetch("login", { method: "POST", body: JSON.stringify(given), headers: { "Content-Type": "application/json" } });
    if (answer.status === 429) return { told: words().wait((await answer.json()).wait_s) };
    if (!answer.ok) return { told: words().wrong };
  } catch {
    return { told: words().gone };
  }
  const before = me.name;
  me = (await get("api/v1/me")) ?? me;
  if (me.name !== before) location.reload(); // somebody else, who may see and do other things
  dismissed = false;
  named();
  document.dispatchEvent(new Event("parkwatt:corrected")); // ask for everything again
  return { told: "" };
}

function again() {
  asking = true;
  const box = dialog(words().title, words().ended, [field(words().name, "name", "text", "username", me.name), field(words().password, "password", "password", "current-password")],
    words().signIn, signIn);
  box.querySelector("[name=password]").focus();
  dismissed = true;
  box.addEventListener("close", () => {
    asking = false;
    named();
  });
}

async function changePassword({ old, fresh, again: repeated }) {
  if (fresh !== repeated) return { told: words().differ };
  const done = await post("api/v1/me/password", { old, new: fresh });
  if (done.status === 403) return { told: words().notRight };
  return done.fault ? { told: done.fault } : { told: words().changed, kind: "note" };
}

async function signOut() {
  await post("logout", {});
  location.assign(`login?lang=${spoken()}`);
}

function account() {
  if (dismissed) return again();
  const fields = [field(words().old, "old", "password", "current-password"), field(words().fresh, "fresh", "password", "new-password"), field(words().again, "again", "password", "new-password")];
  const out = h("button", { type: "button", on: { click: signOut } }, words().out);
  const manage = me.role === "admin" ? h("button", { type: "button", on: { click: () => [box.close(), managing()] } }, words().manage) : null;
  const box = dialog(me.name, words().roles[me.role] ?? me.role, fields, words().change, changePassword, manage, out);
}

/** Show the admins' view over the page, whatever view is open. */
async function managing() {
  const { draw, load } = await import("./view-access.js");
  const place = h("div", { class: "managed" });
  const reload = async () => {
    const data = await load(null, spoken());
    place.replaceChildren(...(data ? draw(data, { language: spoken(), meta: { zone: me.zone }, reload }) : [h("p", { class: "calm" }, words().silent)]));
  };
  const box = h("dialog", { class: "account-box wide", "aria-label": words().manage }, place, h("button", { type: "button", on: { click: () => box.close() } }, words().close));
  box.addEventListener("close", () => box.remove());
  await reload();
  document.body.append(box);
  box.showModal();
}

button.addEventListener("click", account);
new MutationObserver(() => me && named()).observe(document.documentElement, { attributeFilter: ["lang"] });
document.addEventListener("parkwatt:signed-in", async () => {
  me = await get("api/v1/me");
  if (!me?.name) return;
  document.querySelector(".switches")?.append(button);
  named();
});
document.addEventListener("parkwatt:signed-out", () => {
  if (!me) location.replace(loginAddress());
  else if (!asking && !dismissed) again();
  else if (!asking) named();
});
