// What is said when a request fails.

onPage("htmx:beforeRequest", () => tell(null));
// As soon as the browser knows it: before anything is sent into nowhere.
addEventListener("offline", () => tell("trouble-offline"));
addEventListener("online", () => $("notice")?.dataset.of === "trouble-offline" && tell(null));
onPage("htmx:sendError", () => tell("trouble-offline"));
onPage("htmx:beforeSwap", ({ detail }) => {
  // Parley's own errors say where they go. One that does not comes from a proxy: its page has no place in ours.
  if (detail.xhr.status < 400 || detail.xhr.getResponseHeader("HX-Retarget")) return;
  detail.shouldSwap = false;
  tell("trouble-server");
});
