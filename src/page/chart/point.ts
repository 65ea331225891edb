/**
 * Lets the arrow keys go from value to value in the charts of a page, and says what stands there. Refers to nothing outside itself: pages
 * that stand alone hold its source.
 * @param root where the charts are; those that were seen to already are left as they are.
 */
export function pointIntoCharts(root: ParentNode): void {
  const said =
    document.getElementById("pointed") ??
    Object.assign(document.createElement("p"), { id: "pointed", className: "sr", role: "status" });
  document.body.append(said);
  for (const chart of root.querySelectorAll<SVGElement>("svg.chart:not([role])")) {
    const strips = [...chart.querySelectorAll(".at")];
    if (strips.length === 0) continue;
    chart.removeAttribute("aria-hidden");
    chart.setAttribute("role", "img");
    chart.setAttribute("aria-label", "Chart; the arrow keys tell its values");
    chart.tabIndex = 0;
    let at = strips.length - 1;
    const point = (to: number): void => {
      strips[at]!.classList.remove("pointed");
      at = Math.min(strips.length - 1, Math.max(0, to));
      strips[at]!.classList.add("pointed");
      said.textContent = [...strips[at]!.querySelectorAll("text")].map((text) => text.textContent).join(", ");
    };
    chart.addEventListener("focus", () => {
      if (chart.matches(":focus-visible")) point(at);
    });
    chart.addEventListener("blur", () => strips[at]!.classList.remove("pointed"));
    chart.addEventListener("keydown", (event) => {
      if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
      event.preventDefault();
      event.stopPropagation();
      point(at + (event.key === "ArrowLeft" ? -1 : 1));
    });
  }
}

/** Opens what is folded where a link leads into it, now and whenever one does. Refers to nothing outside itself. @returns what ends it. */
export function unfoldTargets(): () => void {
  const unfold = (): void => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const details = target?.closest("details");
    if (target && details && !details.open) {
      details.open = true;
      target.scrollIntoView();
    }
  };
  addEventListener("hashchange", unfold);
  unfold();
  return () => removeEventListener("hashchange", unfold);
}
