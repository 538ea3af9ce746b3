"use strict";
// Opens the API's description; kept out of the page because inline scripts are not allowed.
window.addEventListener("load", () => {
  const place = document.getElementById("swagger-ui");
  window.SwaggerUIBundle({
    url: place.dataset.spec,
    domNode: place,
    deepLinking: true,
    validatorUrl: null,
    requestInterceptor: (request) => request,
  });
});
