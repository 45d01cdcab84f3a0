// Comforts. Every page works without any of these files: by links and plain forms, or with HTMX alone.
//
// What this file declares, all the others may use. What they declare is their own.

document.cookie = `timezone=${Intl.DateTimeFormat().resolvedOptions().timeZone};path=/;max-age=31536000;samesite=lax`;

const $ = (id) => document.getElementById(id);
const onPage = (name, listener) => document.addEventListener(name, listener);

const toTheEnd = () => $("thread")?.scrollTo({ top: 0 });

// Says a sentence to those who listen to the page.
const announce = (sentence) => {
  const place = $("announcement");
  if (place) place.textContent = sentence;
};

// Shows one of the notices of _fragments/trouble.html above the composer; null takes it away.
function tell(template) {
  const notice = $("notice");
  if (!notice) return;
  notice.dataset.of = template ?? "";
  notice.replaceChildren(...(template ? [$(template).content.cloneNode(true)] : []));
}
