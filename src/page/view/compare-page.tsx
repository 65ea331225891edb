import type { VNode } from "preact";
import { useAsked } from "./ask.js";
import { Link } from "./link.js";
import type { ComparedFigure, Comparison } from "./told.js";

const SIDES: Readonly<Record<ComparedFigure["side"], string>> = {
  up: "▲ more",
  down: "▼ less",
  unclear: "◦ unclear",
  few: "◦ too few prompts",
};

/** Two runs side by side: where they were made otherwise, and what the second has more than the first, prompt by prompt. */
export function ComparePage({ first, second }: { readonly first: string; readonly second: string }): VNode {
  const { value, error } = useAsked<Comparison>("compare", { first, second });
  return (
    <>
      <p class="kicker">
        <Link to={{}}>Runs</Link> / two side by side
      </p>
      <h1>
        {first} and {second}
      </h1>
      {value === undefined ? (
        <p class={error ? "trouble" : "note"}>{error ?? "Comparing …"}</p>
      ) : (
        <Compared {...value} first={first} second={second} />
      )}
    </>
  );
}

function Compared({
  first,
  second,
  prompts,
  settings,
  figures,
  remark,
}: Comparison & { readonly first: string; readonly second: string }): VNode {
  return (
    <>
      {remark !== undefined && <p class="note">{remark}</p>}
      <div class="scroll" role="region" aria-label="Both runs" tabIndex={0}>
        <table class="compared">
          <caption>
            On the {prompts.toLocaleString("en")} prompts that both have. The difference is the second less
            the first, paired prompt by prompt, with its 95 % interval; more or less is said where it is clear
            among all figures here together.
          </caption>
          <thead>
            <tr>
              <th scope="col">What</th>
              <th scope="col">
                <Link to={{ run: first }}>{first}</Link>
              </th>
              <th scope="col">
                <Link to={{ run: second }}>{second}</Link>
              </th>
              <th scope="col">Difference</th>
            </tr>
          </thead>
          <tbody>
            {settings.map((setting) => (
              <tr key={setting.name}>
                <th scope="row">{setting.name}</th>
                <td>{setting.first}</td>
                <td>{setting.second}</td>
                <td />
              </tr>
            ))}
            {figures.map((figure) => (
              <tr key={figure.name}>
                <th scope="row">{figure.name}</th>
                <td>{figure.first}</td>
                <td>{figure.second}</td>
                <td>
                  <span class={`verdict ${figure.side}`}>{SIDES[figure.side]}</span> {figure.difference}{" "}
                  <span class="ci">{figure.interval}</span>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}
