// Shows the description of the API, and sends what is tried with the page's own login.
const place = document.getElementById("api");

window.SwaggerUIBundle({
  url: place.dataset.schema,
  dom_id: "#api",
  deepLinking: true,
  docExpansion: "none",
  filter: true,
  persistAuthorization: false,
  // No file of the library may ask a server elsewhere.
  validatorUrl: null,
  requestInterceptor: (request) => {
    if (!["GET", "HEAD", "OPTIONS"].includes((request.method || "GET").toUpperCase())) {
      request.headers["X-CSRFToken"] = place.dataset.token;
    }
    return request;
  },
});

// The library takes every change of the address's fragment for one of its own.
document.querySelector(".skip-link").addEventListener("click", (event) => {
  event.preventDefault();
  document.getElementById("content").focus();
});
