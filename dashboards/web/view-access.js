// Users, tokens and the record of changes, for admins. A view by the contract of views.js; the account dialog shows it.

import { get, post } from "./asking.js";
import { h, heading } from "./dom.js";

export const id = "access";
export const ranged = false;

const WORDS = {
  zh: { users: "用户", tokens: "API 令牌", audit: "操作记录", name: "名称", role: "角色", seen: "上次登录", never: "从未", state: "状态", active: "有效", disabled: "已停用", password: "初始密码（至少 12 个字符）",
    add: "添加用户", addToken: "添加令牌", disable: "停用", enable: "启用", remove: "删除", revoke: "吊销", scope: "权限", begins: "开头", expires: "到期", revoked: "已吊销", expired: "已过期",
    once: (token) => `此令牌只显示这一次：${token}`, when: "时间", who: "谁", from: "来源", what: "操作", subject: "对象", outcome: "结果", underway: "无结束记录", more: "更早的记录",
    sure: (name) => `确定删除 ${name}？`, days: "有效天数", nothing: "没有记录。", roles: { viewer: "查看者", operator: "操作员", admin: "管理员" } },
  en: { users: "Users", tokens: "API tokens", audit: "Record of changes", name: "Name", role: "Role", seen: "Signed in", never: "never", state: "State", active: "active", disabled: "disabled", password: "First password (12 characters or more)",
    add: "Add user", addToken: "Add token", disable: "Disable", enable: "Enable", remove: "Remove", revoke: "Revoke", scope: "Scope", begins: "Begins with", expires: "Expires", revoked: "revoked", expired: "expired",
    once: (token) => `This token is shown this once: ${token}`, when: "When", who: "Who", from: "From", what: "Did", subject: "To", outcome: "Outcome", underway: "no end on record", more: "Earlier entries",
    sure: (name) => `Remove ${name}?`, days: "Days it lasts", nothing: "Nothing on record.", roles: { viewer: "viewer", operator: "operator", admin: "admin" } },
};
const SCOPES = ["read", "operate", "admin", "metrics", "import"];
const PAGE = 50;

/** What the view shows; null where the service did not answer well, or to somebody who is no admin. */
export async function load(_range, _language, signal) {
  const [users, tokens, audit] = await Promise.all(["users", "tokens", `audit?limit=${PAGE}`].map((what) => get(`api/v1/${what}`, signal)));
  return users && tokens && audit ? { users, tokens, audit } : null;
}

/** Draw it; `context` needs language and reload(). */
export function draw(data, context) {
  const words = WORDS[context.language] ?? WORDS.en;
  return [users(data.users, words, context), tokens(data.tokens, words, context), audit(data.audit, words, context)];
}

function time(text, { language, meta }) {
  const shown = { dateStyle: "medium", timeStyle: "short", timeZone: meta?.zone };
  return text ? h("time", { datetime: text }, new Date(text).toLocaleString(language === "zh" ? "zh-CN" : "en-GB", shown)) : null;
}

function table(label, heads, rows) {
  return h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": label }, h("table", { class: "access" },
    h("thead", {}, h("tr", {}, heads.map((head) => h("th", { scope: "col" }, head)))),
    h("tbody", {}, rows.map(([first, ...rest]) => h("tr", {}, h("th", { scope: "row" }, first), rest.map((cell) => h("td", {}, cell)))))));
}

/** Ask the service to change something, say what it answers, and show how things stand then. */
function changing(told, context) {
  return async (path, body, method, done = () => "") => {
    const { fault, answer } = await post(path, body, method);
    told.textContent = fault || done(answer);
    if (!fault && !told.textContent) context.reload();
    return !fault;
  };
}

function users(list, words, context) {
  const told = h("p", { role: "alert", class: "told" });
  const change = changing(told, context);
  const place = (user) => `api/v1/users/${encodeURIComponent(user.name)}`;
  const roles = Object.entries(words.roles);
  const options = (chosen) => roles.map(([value, name]) => h("option", { value, selected: value === chosen }, name));
  const row = (user) => {
    const role = h("select", { "aria-label": `${words.role}: ${user.name}` }, options(user.role));
    role.addEventListener("change", async () => {
      if (!(await change(place(user), { role: role.value }, "PATCH"))) role.value = user.role;
    });
    return [user.name, role, time(user.signed_in_at, context) ?? words.never, user.disabled ? words.disabled : words.active, h("span", { class: "acts" },
      h("button", { type: "button", "aria-label": `${user.disabled ? words.enable : words.disable}: ${user.name}`, on: { click: () => change(place(user), { disabled: !user.disabled }, "PATCH") } }, user.disabled ? words.enable : words.disable),
      h("button", { type: "button", "aria-label": `${words.remove}: ${user.name}`, on: { click: () => confirm(words.sure(user.name)) && change(place(user), {}, "DELETE") } }, words.remove))];
  };
  const form = h("form", { class: "adding" },
    h("label", {}, words.name, h("input", { name: "name", required: true, maxlength: 64, autocomplete: "off" })),
    h("label", {}, words.password, h("input", { name: "password", type: "password", required: true, maxlength: 256, autocomplete: "new-password" })),
    h("label", {}, words.role, h("select", { name: "role" }, options("viewer"))), h("button", { type: "submit" }, words.add));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    change("api/v1/users", Object.fromEntries(new FormData(form)), "POST");
  });
  return h("section", { class: "panel" }, heading(words.users), table(words.users, [words.name, words.role, words.seen, words.state, ""], list.map(row)), form, told);
}

function tokens(list, words, context) {
  const told = h("p", { role: "alert", class: "told" });
  const change = changing(told, context);
  const over = (token) => token.revoked_at || (token.expires_at && new Date(token.expires_at) <= new Date());
  const row = (token) => [token.name, h("code", {}, `${token.prefix}…`), token.scopes.join(", "), time(token.expires_at, context) ?? "–",
    over(token) ? (token.revoked_at ? words.revoked : words.expired) : h("button", { type: "button", "aria-label": `${words.revoke}: ${token.name}`, on: { click: () => change(`api/v1/tokens/${token.id}`, {}, "DELETE") } }, words.revoke)];
  const form = h("form", { class: "adding" },
    h("label", {}, words.name, h("input", { name: "name", required: true, maxlength: 64, autocomplete: "off" })),
    h("label", {}, words.scope, h("select", { name: "scope" }, SCOPES.map((value) => h("option", { value }, value)))),
    h("label", {}, words.days, h("input", { name: "days", type: "number", min: 1, max: 3660, value: 365, required: true })), h("button", { type: "submit" }, words.addToken));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const { name, scope, days } = Object.fromEntries(new FormData(form));
    change("api/v1/tokens", { name, scopes: [scope], expires: `${days}d` }, "POST", (answer) => words.once(answer.secret));
  });
  return h("section", { class: "panel" }, heading(words.tokens), list.length ? table(words.tokens, [words.name, words.begins, words.scope, words.expires, ""], list.map(row)) : null, form, told);
}

function audit(list, words, context) {
  const heads = [words.when, words.who, words.from, words.what, words.subject, words.outcome];
  const row = (entry) => [time(entry.at, context), entry.who || "–", entry.address || entry.how, entry.action, h("span", { title: entry.detail ? JSON.stringify(entry.detail) : null }, entry.subject), entry.outcome || words.underway];
  const place = h("div", {}, list.length ? table(words.audit, heads, list.map(row)) : h("p", { class: "calm" }, words.nothing));
  const more = h("button", { type: "button", hidden: list.length < PAGE }, words.more);
  let last = list.at(-1)?.id;
  more.addEventListener("click", async () => {
    const older = (await get(`api/v1/audit?limit=${PAGE}&before=${last}`)) ?? [];
    last = older.at(-1)?.id ?? last;
    more.hidden = older.length < PAGE;
    if (older.length) place.append(table(words.audit, heads, older.map(row)));
  });
  return h("section", { class: "panel" }, heading(words.audit), place, more);
}
