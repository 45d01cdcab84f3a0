// Says an answer to those who listen while it is being written: whole sentences, and not more often than they are read.

const BREATH = 2000; // ms between two readings

function sentencesOf(text) {
  if (!Intl.Segmenter) return [text];
  const segmenter = new Intl.Segmenter(document.documentElement.lang, { granularity: "sentence" });
  return [...segmenter.segment(text)].map(({ segment }) => segment.trim()).filter(Boolean);
}

// Code and tables make no sense as one string: that they are there is said instead.
function spoken(block, place) {
  if (block.matches(".code")) return [place.dataset.code];
  if (block.matches(".table-scroll")) return [place.dataset.table];
  return sentencesOf(block.textContent);
}

const said = new Map(); // id of an answer: how many of its blocks were said, and how many sentences of the one after them

function newSentences(answer, place) {
  const before = said.get(answer.id);
  const blocks = [...answer.querySelector(".blocks").children];
  const finished = blocks.slice(before.blocks).flatMap((block) => spoken(block, place));
  const living = [...answer.querySelectorAll(".tail > :is(p:not([class]), ul, ol, blockquote)")];
  const whole = living.flatMap((one) => sentencesOf(one.textContent)).slice(0, -1);
  const all = [...finished, ...whole];
  said.set(answer.id, { blocks: blocks.length, sentences: finished.length ? whole.length : Math.max(whole.length, before.sentences) });
  return all.slice(before.sentences);
}

function read(answer) {
  const place = $("reading");
  if (!place || !answer?.isConnected || !said.has(answer.id)) return;
  const sentences = newSentences(answer, place);
  if (sentences.length) place.textContent = sentences.join(" ");
}

let breath;
onPage("htmx:sseMessage", ({ target }) => {
  const { id } = target.closest(".answer") ?? {};
  breath ??= setTimeout(() => {
    breath = undefined;
    read($(id));
  }, BREATH);
});

htmx.onLoad((added) => {
  if (added.matches(".answer:not(.running)")) {
    read(added);
    said.delete(added.id);
  }
  // What a page brings with it is there to be read: what is said is what comes to it.
  for (const answer of added.querySelectorAll(".answer.running")) {
    said.set(answer.id, { blocks: answer.querySelector(".blocks").childElementCount, sentences: 0 });
  }
});
