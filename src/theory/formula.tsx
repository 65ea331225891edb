import type { ComponentChildren, VNode } from "preact";

/** A name below the line, what stands in braces below or above it, or what follows a caret. */
const SHIFTED =
  /_(base|margin|cov(?:,γ)?(?:,p)?|conc|loss|max|BoN|[A-Za-zγβμ](?![A-Za-z])|[0-9]+)|_\{([^{}]*)\}|\^\{([^{}]*)\}|\^(\([^()]*\)|[−-]?[A-Za-z0-9.]+)/;

/** Text with the plain-text formulas' sub- and superscripts set as such. */
export function Formula({ children }: { readonly children: string }): VNode {
  return <>{parts(children)}</>;
}

function parts(text: string): ComponentChildren[] {
  const found = SHIFTED.exec(text);
  if (!found) return [text];
  const [whole, name, below, inBraces, above] = found;
  const rest = parts(text.slice(found.index + whole.length));
  const down = name ?? below;
  return [
    text.slice(0, found.index),
    down !== undefined ? <sub>{parts(down)}</sub> : <sup>{parts(inBraces ?? above!)}</sup>,
    ...rest,
  ];
}
