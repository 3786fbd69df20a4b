// Word of changes from the service as they happen; where the stream breaks, whoever listens is woken from time to time.

const POLL_MS = 60_000;

/** Call `changed()` when computed data or alerts changed. Hidden pages hold no stream: browsers allow few per host. */
export function listen(changed) {
  let stream = null;
  let told = "";
  let poll = null;
  const heard = (event) => {
    clearInterval(poll);
    poll = null;
    document.documentElement.dataset.live = "on";
    const before = told;
    told = event.data;
    if (before && before !== told) changed();
  };
  const broken = () => {
    document.documentElement.dataset.live = "off";
    poll ??= setInterval(changed, POLL_MS);
    if (stream?.readyState === EventSource.CLOSED) stop(); // refused: the browser does not try again by itself
  };
  const stop = () => {
    stream?.close();
    stream = null;
  };
  const open = () => {
    if (stream || document.visibilityState !== "visible") return;
    stream = new EventSource("api/v1/live");
    stream.addEventListener("hello", heard);
    stream.addEventListener("changed", heard);
    stream.addEventListener("error", broken);
  };
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") {
      open();
      return;
    }
    stop();
    clearInterval(poll);
    poll = null;
  });
  window.addEventListener("pagehide", stop);
  setInterval(open, POLL_MS);
  open();
}
