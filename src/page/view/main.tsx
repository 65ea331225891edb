import { hydrate } from "preact";
import { ViewApp } from "./view-app.js";

hydrate(<ViewApp />, document.getElementById("view")!);
