// What whoever looks may do. Buttons say what they need (`data-needs`); style.css hides those that would be refused.

import { get } from "./asking.js";

/** Ask who this is; until the answer is there, and where none comes, only what everybody may is shown. */
export async function learnRights() {
  const me = await get("api/v1/me");
  if (me) document.documentElement.dataset.role = me.role;
}

for (const news of ["parkwatt:signed-in", "parkwatt:refused"]) document.addEventListener(news, learnRights);
