import type { VNode } from "preact";
import type { ChosenFrame } from "./frames.js";
import { shortScore } from "./standing.js";
import type { Race } from "./state.js";

/** The best of the others, after the choice's own score. */
function next({ runnerUp, score }: ChosenFrame["why"]): string {
  if (!runnerUp) return ".";
  if (runnerUp.score === score) return `; #${runnerUp.c} has the same, and comes later.`;
  return `; the next, #${runnerUp.c}, has ${shortScore(runnerUp.score)}.`;
}

/** The choice, why it is this one, and what each other reward would have chosen. */
export function Verdict({ race }: { readonly race: Race }): VNode | null {
  const { chosen, lanes } = race;
  if (!chosen) return null;
  const { c, why, tokens } = chosen;
  const dropped = lanes.length - why.whole;
  const text = lanes[c]?.pieces.map((piece) => piece.text).join("") ?? "";
  return (
    <section class="verdict-panel" aria-labelledby="verdict-title">
      <h2 id="verdict-title">
        #{c} wins by {why.reward}
      </h2>
      <p>
        Its score is {shortScore(why.score)}
        {next(why)}{" "}
        {dropped > 0
          ? `${dropped} of ${lanes.length} were dropped before their end, and could not have won. `
          : ""}
        {tokens.drawn.toLocaleString("en")} tokens were drawn for an answer of {tokens.chosen}.
      </p>
      <pre class="answer">{text}</pre>
      {why.others.length > 0 && (
        <div class="scroll" role="region" aria-label="Other rewards" tabIndex={0}>
          <table>
            <caption>
              What each other reward would have chosen
              {dropped > 0 ? `, of the ${why.whole} that are whole` : ""}
            </caption>
            <thead>
              <tr>
                <th scope="col">Reward</th>
                <th scope="col">Its choice</th>
                <th scope="col">Score</th>
                <th scope="col">Score of #{c}</th>
              </tr>
            </thead>
            <tbody>
              {why.others.map((other) => (
                <tr key={other.reward}>
                  <th scope="row">{other.reward}</th>
                  <td class={other.c === c ? "same" : "differs"}>
                    {other.c === c ? `#${c} too` : `#${other.c}`}
                  </td>
                  <td>{shortScore(other.score)}</td>
                  <td>{shortScore(other.chosen)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}
