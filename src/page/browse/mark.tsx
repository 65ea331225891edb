import type { VNode } from "preact";

/** Right, wrong or unknown, as a sign and in words for whoever hears the page. @param name of what it is said of, before it. */
export function Mark({ correct, name }: { readonly correct: 1 | 0 | -1; readonly name?: string }): VNode {
  const look = correct < 0 ? "none" : correct === 1 ? "right" : "wrong";
  return (
    <span class="mark">
      {name !== undefined && <span class="name">{name} </span>}
      <span class={look} aria-hidden="true">
        {correct < 0 ? "–" : correct === 1 ? "✓" : "✗"}
      </span>
      <span class="sr">{correct < 0 ? "unknown" : correct === 1 ? "correct" : "incorrect"}</span>
    </span>
  );
}
