import { renderToString } from "preact-render-to-string";
import { expect, it } from "vitest";
import { Formula } from "./formula.js";

const set = (text: string): string => renderToString(<Formula>{text}</Formula>);

it("sets sub- and superscripts, within each other too, and leaves other text inert", () => {
  expect(set("π_base(y|x) ≥ γ")).toBe("π<sub>base</sub>(y|x) ≥ γ");
  expect(set("C_cov,γ and x_12")).toBe("C<sub>cov,γ</sub> and x<sub>12</sub>");
  expect(set("e^{−n_i} + ε^(1/2)")).toBe("e<sup>−n<sub>i</sub></sup> + ε<sup>(1/2)</sup>");
  expect(set("y_{max} 2^−3")).toBe("y<sub>max</sub> 2<sup>−3</sup>");
  expect(set("snake_case <b>")).toBe("snake_case &lt;b>");
});
