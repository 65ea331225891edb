import type { VNode } from "preact";
import { useState } from "preact/hooks";
import { serverTrack } from "./event-stream.js";
import { RaceForm, type How } from "./form.js";
import type { RaceFrame, RaceRequest, RaceSettings } from "./frames.js";
import { Lanes } from "./lanes.js";
import { slowed } from "./pace.js";
import { Paths } from "./paths.js";
import { standingOf } from "./standing.js";
import { afterFrames, newRace, type Race } from "./state.js";
import { Verdict } from "./verdict.js";

/** Milliseconds that a token is shown for, where a race is shown slowly. */
const TOKEN_MS = 110;
const nextToken = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, TOKEN_MS));

/** Where a race is run: its frames as they come, in batches. @param key of the server; empty for none. */
export type Track = (
  request: RaceRequest,
  signal: AbortSignal,
  key: string,
) => AsyncGenerator<readonly RaceFrame[]>;

/** The race: candidates as they are drawn, who can still win, and why the winner is chosen. @param track the page's server by default. */
export function RaceApp({
  settings,
  track = serverTrack,
}: {
  readonly settings: RaceSettings;
  readonly track?: Track;
}): VNode {
  const [race, setRace] = useState<Race>(newRace(settings.bestOf));
  const [running, setRunning] = useState<AbortController>();
  const [marked, mark] = useState<number>();
  const start = (request: RaceRequest, how: How): void => {
    const leave = new AbortController();
    setRunning(leave);
    setRace(newRace(request.best_of));
    void run(request, how, leave.signal).finally(() => setRunning(undefined));
  };
  const run = async (request: RaceRequest, { slow, key }: How, signal: AbortSignal): Promise<void> => {
    try {
      const live = track(request, signal, key);
      for await (const frames of slow ? slowed(live, nextToken) : live) {
        if (signal.aborted) return;
        setRace((before) => afterFrames(before, frames));
      }
    } catch (error) {
      if (!signal.aborted)
        setRace((before) => ({ ...before, error: error instanceof Error ? error.message : String(error) }));
    }
  };
  const standings = race.lanes.map((lane) => standingOf(lane, race));
  const rows = race.lanes.map((lane, c) => ({
    lane,
    standing: standings[c]!,
    others: (race.chosen?.why.others ?? []).filter((other) => other.c === c).map(({ reward }) => reward),
  }));
  return (
    <>
      <RaceForm
        settings={settings}
        running={running !== undefined}
        onStart={start}
        onStop={() => running?.abort()}
      />
      <p class="status" role="status">
        {statusOf(race, running !== undefined)}
      </p>
      <div class="track">
        <Lanes rows={rows} marked={marked} onMark={mark} />
        <div class="beside">
          <Paths race={race} standings={standings} marked={marked} />
          <Verdict race={race} />
        </div>
      </div>
    </>
  );
}

function statusOf({ lanes, chosen, error, start }: Race, running: boolean): VNode | string {
  if (error !== undefined) return <span class="error">{error}</span>;
  if (!start) return running ? "Asking…" : "Nothing has been asked yet.";
  const seed = `Seed ${start.seed}, temperature ${start.temperature}.`;
  if (chosen) return `Decided. ${seed}`;
  const whole = lanes.filter(({ finish }) => finish !== undefined).length;
  const out = lanes.filter((lane) => lane.out).length;
  return `${whole} of ${lanes.length} whole, ${out} out of the race. ${running ? "" : "Stopped. "}${seed}`;
}
