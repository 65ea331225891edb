import { renderPage, type PageParts, type RenderedPage } from "../shell.js";
import type { RaceSettings } from "./frames.js";
import { RaceApp } from "./race-app.js";
import { RACE_STYLE } from "./style.js";

/** The page of the race as it first stands, before its modules run. @param intro what happens on it, in sentences. */
export function renderRace(
  settings: RaceSettings,
  intro: string,
  modules: NonNullable<PageParts["modules"]>,
): RenderedPage {
  return renderPage({
    title: `${settings.model}: whetstone`,
    style: RACE_STYLE,
    data: { settings },
    modules,
    children: (
      <div class="wrap">
        <header class="masthead">
          <span>
            <b>whetstone</b> {settings.model}
          </span>
          {settings.runs && (
            <nav aria-label="Pages">
              <a href="/runs">Runs</a>
            </nav>
          )}
        </header>
        <main id="main">
          <h1>What a model considers before it answers</h1>
          <p class="intro">{intro}</p>
          <div id="race">
            <RaceApp settings={settings} />
          </div>
        </main>
      </div>
    ),
  });
}
