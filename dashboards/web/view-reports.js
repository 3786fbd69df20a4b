// Reports: every month with what was made of it; making one now goes on at the service, whoever looks or leaves.

import { get, post } from "./asking.js";
import { h, heading } from "./dom.js";
import { styles } from "./forms.js";
import { wordsOf } from "./say-handling.js";

export const id = "reports";
export const ranged = false;

const EVERY_MS = 700;
const told = new Map(); // month -> what the last attempt to make it came to

export async function load(_range, language, signal) {
  const [data] = await Promise.all([get(`api/v1/reports/view?lang=${language}`, signal), styles()]);
  return data;
}

export function draw(data, context) {
  const w = wordsOf(context.language);
  return [h("section", { class: "panel", id: "report-months" }, heading(w.reports, w.reportsNote),
    data.months.length ? h("ol", { class: "months" }, data.months.map((m) => month(m, data, w, context))) : h("p", { class: "calm" }, w.noReports))];
}

function month(m, data, w, context) {
  const [latest, ...earlier] = m.made;
  const status = h("div", { class: "making", role: "status" });
  const make = h("button", { type: "button", "data-needs": "operator", "aria-label": `${latest ? w.remake : w.make}: ${m.name}` }, latest ? w.remake : w.make);
  make.addEventListener("click", async () => {
    make.disabled = true;
    told.delete(m.month);
    const { fault, answer } = await post(`api/v1/reports/${m.month}`, {});
    if (fault) {
      status.replaceChildren(h("p", { class: "told" }, fault));
      make.disabled = false;
    } else follow(answer, status, make, m, w, context);
  });
  const going = data.jobs.find((j) => j.month === m.month);
  if (going) follow(going, status, make, m, w, context);
  else if (told.has(m.month)) status.append(h("p", { class: "told" }, told.get(m.month)));
  return h("li", {},
    h("div", { class: "month-name" }, h("h3", {}, m.name), h("span", { class: "tag" }, m.open ? w.months.open : w.months.closed)),
    h("div", { class: "month-made" }, latest ? one(latest, m, data, w) : h("p", { class: "note" }, w.neverMade),
      earlier.length ? h("details", {}, h("summary", {}, w.earlier(earlier.length)), h("ol", {}, earlier.map((x) => h("li", {}, one(x, m, data, w))))) : null,
      status),
    make);
}

function one(made, m, data, w) {
  return h("div", { class: "made" },
    h("p", {}, h("span", {}, w.madeAt(made.made_text)), made.partial ? h("span", { class: "tag" }, w.preliminary) : null,
      h("small", { class: "note", title: made.digest }, `${w.digest} ${made.digest.slice(0, 12)}`)),
    h("p", { class: "downloads" }, data.names.filter((n) => n in made.files).map((n) =>
      h("a", { href: `api/v1/reports/${m.month}/made/${made.id}/${n}`, download: "", "aria-label": `${w.files[n] ?? n}, ${m.name}, ${w.madeAt(made.made_text)}` }, w.files[n] ?? n))));
}

/** Show how far a job is until it is over; it goes on without us. */
async function follow(job, status, make, m, w, context) {
  make.disabled = true;
  const bar = h("progress", { max: 1, "aria-label": `${w.making} ${m.name}` });
  const word = h("span", {});
  const stop = h("button", { type: "button", "data-needs": "operator", "aria-label": `${w.stop}: ${m.name}` }, w.stop);
  stop.addEventListener("click", async () => {
    stop.disabled = true;
    word.textContent = w.stopping;
    await post(`api/v1/report-jobs/${job.id}/cancel`, {});
  });
  status.replaceChildren(h("p", { class: "progress" }, bar, word, stop));
  let now = job;
  for (let missed = 0; !["done", "failed", "cancelled"].includes(now.where) && missed < 20;) {
    if (now.where === "files") bar.value = now.share;
    else bar.removeAttribute("value");
    if (!stop.disabled) word.textContent = now.where === "queued" ? w.waiting : `${w.making} ${w.steps[now.where] ?? ""}`;
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
    if (!status.isConnected) return;
    const answer = await get(`api/v1/report-jobs/${job.id}`);
    missed = answer ? 0 : missed + 1;
    now = answer ?? now;
  }
  told.set(m.month, { done: w.made, failed: now.error, cancelled: w.cancelled }[now.where] ?? w.failed);
  if (status.isConnected) context.reload();
}
