import { hydrate } from "preact";
import type { RaceSettings } from "./frames.js";
import { RaceApp } from "./race-app.js";

/** Brings the page to life: what the server drew is taken over as it stands. */
const settings = JSON.parse(document.getElementById("settings")!.textContent) as RaceSettings;
hydrate(<RaceApp settings={settings} />, document.getElementById("race")!);
