// A page that streams itself is for browsers without scripts: with them, the chat's own page does it better.

if (location.pathname.endsWith("/live/")) location.replace(`../${location.search}${location.hash}`);
