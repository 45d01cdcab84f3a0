// Shows the description with Swagger UI. Tokens that are typed in stay in this page.
const place = document.getElementById("description");
SwaggerUIBundle({
  url: place.dataset.schema,
  domNode: place,
  presets: [SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
  deepLinking: true,
  validatorUrl: null,
});
