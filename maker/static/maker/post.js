"use strict";

/* Send the request on to the identity provider, unless somebody came here with the browser's Back. */
if (performance.getEntriesByType("navigation")[0]?.type !== "back_forward") {
  document.getElementById("departure").requestSubmit();
}
