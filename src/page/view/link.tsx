import type { ComponentChildren, VNode } from "preact";
import { addressOf, goTo, type Place } from "./place.js";

/** A link to a place of the page, which is not loaded anew for it. */
export function Link({
  to,
  look,
  current,
  children,
}: {
  readonly to: Place;
  readonly look?: string;
  readonly current?: boolean;
  readonly children: ComponentChildren;
}): VNode {
  const follow = (event: MouseEvent): void => {
    // A new tab or window is the browser's business.
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    goTo(to);
  };
  return (
    <a
      href={addressOf(to)}
      onClick={follow}
      {...(look !== undefined && { class: look })}
      {...(current === true && { "aria-current": "page" })}
    >
      {children}
    </a>
  );
}
