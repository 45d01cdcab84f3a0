// Shows the description with Redoc. Its search would need a worker made from a string.
const place = document.getElementById("description");
Redoc.init(place.dataset.schema, { disableSearch: true, hideDownloadButton: false }, place);
