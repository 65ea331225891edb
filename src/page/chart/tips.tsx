import type { VNode } from "preact";
import { px, type Frame } from "./scale.js";

/** What is told where one points at an x. */
export interface Tip {
  readonly x: number;
  readonly title: string;
  readonly lines: readonly { readonly words: string; readonly colour: string }[];
}

const LETTER = 6.7;
const LINE = 16;

/**
 * Values where one points: each x has a strip that shows its box on hovering, which the style sheet does; by keyboard the page's script
 * goes from one to the next.
 */
export function Tips({ tips, frame }: { readonly tips: readonly Tip[]; readonly frame: Frame }): VNode {
  const centres = tips.map(({ x }) => frame.x(x));
  return (
    <>
      {tips.map(({ title, lines }, at) => {
        const x = centres[at]!;
        const from = at === 0 ? frame.left - 12 : (centres[at - 1]! + x) / 2;
        const to = at === tips.length - 1 ? frame.right + 12 : (x + centres[at + 1]!) / 2;
        const width = 18 + LETTER * Math.max(title.length, ...lines.map(({ words }) => words.length));
        const fits = x + 12 + width <= frame.width;
        const left = fits ? x + 12 : Math.max(0, x - 12 - width);
        return (
          <g class="at" key={at}>
            <rect
              class="strip"
              x={px(from)}
              y={frame.top}
              width={px(to - from)}
              height={frame.bottom - frame.top}
            />
            <g class="tip">
              <line x1={px(x)} x2={px(x)} y1={frame.top} y2={frame.bottom} />
              <rect
                x={px(left)}
                y={frame.top}
                width={px(width)}
                height={LINE * (lines.length + 1) + 10}
                rx="5"
              />
              <text x={px(left + 9)} y={frame.top + LINE}>
                {title}
              </text>
              {lines.map(({ words, colour }, line) => (
                <text key={line} x={px(left + 9)} y={frame.top + LINE * (line + 2)} fill={colour}>
                  {words}
                </text>
              ))}
            </g>
          </g>
        );
      })}
    </>
  );
}
