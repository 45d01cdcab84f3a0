// The reader's place in the thread.

const NEAR_THE_END = 48; // px: a reader this close to the end wants to stay there

// CSS holds it at its end (column-reverse: scrollTop is 0 there, and negative above). A reader further up must not
// see the text move when it grows below.
const thread = $("thread");
if (thread) {
  const conversation = thread.firstElementChild;
  const measure = () => conversation.getBoundingClientRect().height;
  let height = measure();
  new ResizeObserver(() => {
    const before = thread.scrollTop;
    if (before < -NEAR_THE_END) {
      thread.scrollTop -= measure() - height;
      height += before - thread.scrollTop; // which is rounded: the rest counts the next time
    } else {
      height = measure();
    }
  }).observe(conversation);
  // Earlier turns come above what is read: CSS keeps that where it is.
  onPage("htmx:afterSwap", ({ detail }) => {
    if (detail.requestConfig?.elt.matches("#show-earlier")) height = measure();
  });
}
