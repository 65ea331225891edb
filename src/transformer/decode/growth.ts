import { exactLayout, placesAtWork, type CacheLayout, type Relayout } from "./batch-layout.js";

export interface GrowthOptions {
  /** The most rows of a batch, but for the few that make it exact. */
  readonly rows: number;
  /** The fewest and the most rows of a group. */
  readonly least: number;
  readonly widest: number;
}

/** A way to lay out what is at work and some of what waits. */
interface Plan {
  readonly perGroup: number;
  /** Groups for what is at work, and for both. */
  readonly held: number;
  readonly groups: number;
  /** Requests that find a place. */
  readonly admitted: number;
}

function planFor(perGroup: number, busy: readonly number[], runs: readonly number[], rows: number): Plan {
  const groupsFor = (count: number): number => Math.ceil(count / perGroup);
  const held = busy.reduce((sum, count) => sum + groupsFor(count), 0);
  let left = Math.max(0, Math.floor(rows / perGroup) - held);
  let groups = held;
  let admitted = 0;
  for (const run of runs) {
    const taken = Math.min(left, groupsFor(run));
    left -= taken;
    groups += taken;
    admitted += Math.min(run, taken * perGroup);
  }
  return { perGroup, held, groups, admitted };
}

/**
 * A layout with room for requests that wait and find none: of all widths of groups the one that admits the most of them, in the
 * fewest rows. A batch that grows at least doubles, as far as it may, since moving costs as much as a step or two. Undefined
 * where no layout admits any.
 * @param busy by group and row, which are at work. @param runs how many requests wait, by prompt, in their order.
 */
export function grown(
  layout: CacheLayout,
  busy: readonly (readonly boolean[])[],
  runs: readonly number[],
  { rows, least, widest }: GrowthOptions,
): Relayout | undefined {
  const places = placesAtWork(busy);
  const counts = places.map(({ length }) => length);
  let best: Plan | undefined;
  for (let perGroup = least; perGroup <= Math.max(least, widest); perGroup *= 2) {
    const plan = planFor(perGroup, counts, runs, rows);
    const size = (of: Plan): number => of.groups * of.perGroup;
    const better =
      best === undefined ||
      plan.admitted > best.admitted ||
      (plan.admitted === best.admitted && size(plan) <= size(best));
    if (better) best = plan;
  }
  if (best === undefined || best.admitted === 0) return undefined;
  const { perGroup, held, groups } = best;
  const doubled = Math.floor(Math.min(rows, 2 * layout.groups * layout.rows) / perGroup);
  const from: number[] = [];
  const moved: number[][] = [];
  places.forEach((group, g) => {
    for (let start = 0; start < group.length; start += perGroup) {
      from.push(g);
      moved.push(group.slice(start, start + perGroup));
    }
  });
  const next = exactLayout(Math.max(groups, doubled, held + 1), perGroup);
  return { layout: next, groups: from, rows: moved };
}

/** Groups that may not take more of their prompt's requests, so that prompts that wait without any group get one. */
export function heldBack(
  held: readonly (readonly number[] | undefined)[],
  waiting: number,
  same: (a: readonly number[], b: readonly number[]) => boolean,
): Set<number> {
  const idle = held.filter((prompt) => prompt === undefined).length;
  let missing = waiting - idle;
  const back = new Set<number>();
  if (missing <= 0) return back;
  const prompts: { readonly prompt: readonly number[]; readonly groups: number[] }[] = [];
  held.forEach((prompt, g) => {
    if (prompt === undefined) return;
    const known = prompts.find((each) => same(each.prompt, prompt));
    if (known) known.groups.push(g);
    else prompts.push({ prompt, groups: [g] });
  });
  const fair = Math.ceil(held.length / (prompts.length + waiting));
  for (const { groups } of prompts.sort((a, b) => b.groups.length - a.groups.length)) {
    for (let count = groups.length; count > fair && missing > 0; count--, missing--)
      back.add(groups[count - 1]!);
  }
  return back;
}
