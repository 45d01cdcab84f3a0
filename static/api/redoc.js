// Shows the description with Redoc. Its search would need a worker made from a string.
const place = document.getElementById("description");

// Redoc's footer has a picture of its makers' site. The policy refuses that; with this it is not even tried. Redoc then
// leaves it out, as when it cannot be loaded. React sets the address both ways.
const image = HTMLImageElement.prototype;
const { get, set } = Object.getOwnPropertyDescriptor(image, "src");
const isOurs = (address) => new URL(address, location.href).origin === location.origin;
const leaveOut = (element) => queueMicrotask(() => element.dispatchEvent(new Event("error")));
Object.defineProperty(image, "src", {
  get,
  set(address) {
    if (isOurs(address)) set.call(this, address);
    else leaveOut(this);
  },
});
image.setAttribute = function (name, value) {
  if (name !== "src" || isOurs(value)) Element.prototype.setAttribute.call(this, name, value);
};

Redoc.init(place.dataset.schema, { disableSearch: true, hideDownloadButton: false }, place);
