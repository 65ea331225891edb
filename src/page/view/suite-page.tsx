import type { VNode } from "preact";
import { Drawn } from "./drawn.js";
import { Link } from "./link.js";

/** A suite's page, whose cells lead to the runs. */
export function SuitePage({ suite }: { readonly suite: string }): VNode {
  return (
    <>
      <p class="kicker">
        <Link to={{}}>Runs</Link> / <b>{suite}</b>
      </p>
      <div class="suite">
        <Drawn path="suite" query={{ suite }} wait="Drawing the suite …" />
      </div>
    </>
  );
}
