import type { ComponentChildren, VNode } from "preact";
import { useState } from "preact/hooks";
import type { RaceRequest, RaceSettings } from "./frames.js";

/** How a race is shown and asked for, beside what is asked. */
export interface How {
  /** Whether it is shown a token at a time. */
  readonly slow: boolean;
  /** A key of the server; empty for none. */
  readonly key: string;
}

interface FormProps {
  readonly settings: RaceSettings;
  readonly running: boolean;
  readonly onStart: (request: RaceRequest, how: How) => void;
  readonly onStop: () => void;
}

/** What the form holds. */
interface Asked {
  readonly prompt: string;
  readonly n: string;
  readonly temperature: string;
  readonly reward: string;
  readonly seed: string;
  readonly key: string;
  readonly toEnd: boolean;
  readonly slow: boolean;
}

interface Part {
  readonly asked: Asked;
  readonly settings: RaceSettings;
  readonly change: (change: Partial<Asked>) => void;
}

/** N that are offered, as far as the server draws so many. */
const SIZES = [2, 4, 8, 12, 16, 24, 32, 48, 64];
const TEMPERATURES = ["0.25", "0.5", "0.7", "1", "1.3", "1.6", "2"];

const valueOf = (event: Event): string => (event.target as HTMLInputElement).value;

/** What is asked: prompt, N, temperature, reward. */
export function RaceForm({ settings, running, onStart, onStop }: FormProps): VNode {
  const [asked, set] = useState<Asked>({
    prompt: settings.examples[0] ?? "",
    ...{ n: `${settings.bestOf}`, temperature: "1", reward: settings.reward, seed: "", key: "", toEnd: true },
    // A model that has prompts to begin with is small, and would be done before anybody has looked.
    slow: settings.examples.length > 0,
  });
  const part = { asked, settings, change: (change: Partial<Asked>) => set({ ...asked, ...change }) };
  const submit = (event: Event): void => {
    event.preventDefault();
    if (running) return onStop();
    const { prompt, n, temperature, reward, seed, toEnd, slow, key } = asked;
    const request = { prompt, best_of: Number(n), temperature: Number(temperature), reward };
    onStart({ ...request, early_stop: !toEnd, ...(seed !== "" && { seed: Number(seed) }) }, { slow, key });
  };
  return (
    <form class="race-form" onSubmit={submit}>
      <PromptField {...part} />
      <div class="knobs">
        <Knobs {...part} />
        <button class="go" type="submit">
          {running ? "Stop" : "Race"}
        </button>
      </div>
      <p class="checks">
        <label>
          <input type="checkbox" checked={asked.slow} onChange={() => part.change({ slow: !asked.slow })} />{" "}
          slowly, a token at a time
        </label>
        <label>
          <input
            type="checkbox"
            checked={asked.toEnd}
            onChange={() => part.change({ toEnd: !asked.toEnd })}
          />{" "}
          draw losers to their end, so that the other rewards can choose among all
        </label>
      </p>
    </form>
  );
}

function PromptField({ asked, settings, change }: Part): VNode {
  return (
    <Field id="prompt" label="Prompt">
      <textarea
        id="prompt"
        rows={2}
        value={asked.prompt}
        required
        onInput={(event) => change({ prompt: valueOf(event) })}
      />
      {settings.examples.length > 1 && (
        <p class="examples">
          {settings.examples.map((example) => (
            <button type="button" key={example} onClick={() => change({ prompt: example })}>
              {example}
            </button>
          ))}
        </p>
      )}
    </Field>
  );
}

function Knobs({ asked, settings, change }: Part): VNode {
  const sizes = [...new Set([...SIZES.filter((size) => size <= settings.mostBestOf), settings.bestOf])];
  const names = settings.rewards.map(({ name }) => name);
  return (
    <>
      <Choice id="n" label="N" value={asked.n} onChange={(n) => change({ n })}>
        {sizes.sort((a, b) => a - b).map(String)}
      </Choice>
      <Choice
        id="temperature"
        label="Temperature"
        value={asked.temperature}
        onChange={(temperature) => change({ temperature })}
      >
        {TEMPERATURES}
      </Choice>
      <Choice id="reward" label="Reward" value={asked.reward} onChange={(reward) => change({ reward })}>
        {names}
      </Choice>
      <Field id="seed" label="Seed">
        <input
          id="seed"
          inputMode="numeric"
          pattern="[0-9]{0,15}"
          placeholder="by chance"
          value={asked.seed}
          onInput={(event) => change({ seed: valueOf(event) })}
        />
      </Field>
      {settings.needsKey && (
        <Field id="key" label="Key">
          <input
            id="key"
            type="password"
            autocomplete="off"
            required
            value={asked.key}
            onInput={(event) => change({ key: valueOf(event) })}
          />
        </Field>
      )}
    </>
  );
}

function Choice({
  id,
  label,
  value,
  onChange,
  children,
}: {
  readonly id: string;
  readonly label: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
  readonly children: readonly string[];
}): VNode {
  return (
    <Field id={id} label={label}>
      <select id={id} value={value} onChange={(event) => onChange(valueOf(event))}>
        {children.map((each) => (
          <option key={each} value={each} selected={each === value}>
            {each}
          </option>
        ))}
      </select>
    </Field>
  );
}

/** A control with its name above it. */
function Field({
  id,
  label,
  children,
}: {
  readonly id: string;
  readonly label: string;
  readonly children: ComponentChildren;
}): VNode {
  return (
    <div class={`field ${id}-field`}>
      <label for={id}>{label}</label>
      {children}
    </div>
  );
}
