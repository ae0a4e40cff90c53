import { render } from "preact";
import "./style.css";
import { notify } from "./state/session";
import { sentence } from "./text";
import { App } from "./views/app";

// What no view has dealt with is at least told.
addEventListener("unhandledrejection", (event) => {
  if (event.reason instanceof DOMException && event.reason.name === "AbortError") return;
  notify(sentence(event.reason), "error");
});

const root = document.getElementById("app");
if (root) render(<App />, root);
