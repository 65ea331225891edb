import { randomUUID } from "node:crypto";
import { join } from "node:path";
import type { z } from "zod";
import { factsOf } from "../page/browse/facts.js";
import { isLeft, type Narrowing } from "../page/browse/narrowing.js";
import type { CompactPrompt, PromptFacts } from "../page/browse/data.js";
import type { PromptLine, PromptWhole, RunChanges, RunHead } from "../page/view/told.js";
import { adapterTexts, promptRow } from "../report/prompt-row.js";
import { browserHead, shortLabels, wholePrompt } from "../report/prompt-data.js";
import { runFile, type RunReader } from "../run/read-run.js";
import { responseRecords, selectionRecords, type PromptRecord } from "../run/records.js";
import { PromptLog } from "./prompt-log.js";
import { measuredAt, stampOf, stateOf } from "./run-state.js";
import { taskAtHand, type TaskAtHand, type TaskOf } from "./task-at-hand.js";
import { curveLines } from "./training.js";

/** How far the base's drawing has come, in responses. */
export interface Progress {
  readonly drawn: number;
  readonly asked: number;
  /** Whether all that was asked for is there. */
  readonly whole: boolean;
}

type Responses = PromptLog<z.infer<typeof responseRecords.schema>>;

/** The logs of a run that belong to prompts. */
interface Logs {
  readonly responses: Responses;
  readonly greedy: Responses;
  readonly selections: PromptLog<z.infer<typeof selectionRecords.schema>>;
  readonly adapters: Map<string, { readonly responses: Responses; readonly greedy: Responses }>;
}

/** A run that is looked at, and followed while another process writes it. It is asked within `turn` alone. */
export class RunView {
  private prompts: readonly PromptRecord[] = [];
  private labels: readonly string[] = [];
  private promptsMade = "";
  private logs: Logs;
  /** The prompts of all records in the order in which they were found; begins anew with each generation. */
  private events: number[] = [];
  /** Never the same again, so that a cursor of another server's or of an earlier view is not taken for one's own. */
  private generation = randomUUID();
  private readonly facts = new Map<number, PromptFacts>();
  private task: Promise<TaskAtHand> | undefined;
  private last: Promise<unknown> = Promise.resolve();

  constructor(
    readonly run: RunReader,
    private readonly taskOf: TaskOf,
  ) {
    this.logs = this.openLogs();
  }

  private openLogs(): Logs {
    const { dir } = this.run;
    const positions = new Map(this.prompts.map(({ id }, at) => [id, at]));
    const promptOf = (id: string): number | undefined => positions.get(id);
    const drawn = (name: string, adapter?: string): Responses =>
      new PromptLog(join(dir, runFile(name, adapter)), responseRecords, promptOf);
    return {
      responses: drawn("responses.jsonl"),
      greedy: drawn("greedy.jsonl"),
      selections: new PromptLog(join(dir, "selections.jsonl"), selectionRecords, promptOf),
      adapters: new Map(
        this.run
          .adapters()
          .map((name) => [
            name,
            { responses: drawn("responses.jsonl", name), greedy: drawn("greedy.jsonl", name) },
          ]),
      ),
    };
  }

  private all({ responses, greedy, selections, adapters }: Logs): PromptLog<unknown>[] {
    return [
      ...[responses, greedy, selections],
      ...[...adapters.values()].flatMap((own) => [own.responses, own.greedy]),
    ];
  }

  /** Does one thing after the other, each with all that the run has by then. */
  turn<T>(work: () => Promise<T>): Promise<T> {
    const next = this.last.then(async () => {
      await this.read();
      return work();
    });
    this.last = next.catch(() => undefined);
    return next;
  }

  private async read(): Promise<void> {
    const made = stampOf(join(this.run.dir, "prompts.jsonl")) ?? "";
    const adapters = this.run.adapters().join();
    if (made !== this.promptsMade || adapters !== [...this.logs.adapters.keys()].join()) {
      await this.close();
      this.prompts = (await this.run.prompts()).filter(({ split }) => split === "test");
      this.labels = shortLabels(this.prompts);
      this.promptsMade = made;
      this.logs = this.openLogs();
      this.beginAnew();
    }
    const told = (prompt: number): void => {
      this.events.push(prompt);
      this.facts.delete(prompt);
    };
    for (const log of this.all(this.logs)) if (await log.follow(told)) this.beginAnew();
  }

  private beginAnew(): void {
    this.generation = randomUUID();
    this.events = [];
    this.facts.clear();
  }

  /** The task, where it can be opened without running what the run's folder names; else why not. */
  taskAtHand(): Promise<TaskAtHand> {
    return (this.task ??= taskAtHand(this.run, this.taskOf));
  }

  private get rewards(): readonly string[] {
    return (this.run.manifest.rewards ?? []).map(({ name }) => name);
  }

  private get adapters(): readonly string[] {
    return [...this.logs.adapters.keys()];
  }

  /** Responses that the base has drawn, and that it is to draw. */
  get progress(): Progress {
    const drawn = this.logs.responses.size;
    const asked = this.prompts.length * this.run.manifest.drawing.n;
    return { drawn, asked, whole: asked > 0 && drawn >= asked };
  }

  async head(): Promise<RunHead> {
    const { task, model, drawing } = this.run.manifest;
    const { task: opened, remark } = await this.taskAtHand();
    const labelled = this.prompts.some(({ id: prompt }) => opened?.grade(prompt, "") !== undefined);
    return {
      ...{ task: task.name, model: model.name, n: drawing.n, labelled },
      ...browserHead(this.adapters, this.rewards),
      prompts: this.prompts.length,
      ...(remark !== undefined && { remark }),
    };
  }

  /** How the run stands, and which prompts have gained records since a cursor. */
  async changes(after: string): Promise<RunChanges> {
    const [generation, from = ""] = after.split(".");
    const known = generation === this.generation && Number(from) <= this.events.length;
    const { drawn, asked, whole } = this.progress;
    const measured = measuredAt(this.run);
    return {
      cursor: `${this.generation}.${this.events.length}`,
      state: await stateOf(this.run, () => Promise.resolve(whole)),
      ...{ drawn, asked },
      changed: known ? [...new Set(this.events.slice(Number(from)))] : "all",
      training: await Promise.all(this.adapters.map((name) => this.iteratesOf(name))),
      ...(measured !== undefined && { measured }),
    };
  }

  private async iteratesOf(name: string): Promise<{ name: string; iterates: number }> {
    return { name, iterates: (await curveLines(this.run, name)).length };
  }

  /** Those of the prompts that there are. */
  async lines(at: readonly number[]): Promise<PromptLine[]> {
    const there = at.filter((one) => one in this.prompts);
    return Promise.all(
      there.map(async (one) => ({ at: one, label: this.labels[one]!, ...(await this.factsOf(one)) })),
    );
  }

  /** The positions of the prompts that are left: by what they are narrowed to, and by words in prompt and responses. */
  async found(to: Narrowing | undefined, words: string): Promise<number[]> {
    const left: number[] = [];
    const wanted = words.toLowerCase();
    for (const at of this.prompts.keys()) {
      if (to !== undefined && !isLeft(await this.factsOf(at), to)) continue;
      if (wanted === "" || (await this.says(at, wanted))) left.push(at);
    }
    return left;
  }

  private async says(at: number, words: string): Promise<boolean> {
    const { id, text } = this.prompts[at]!;
    if (`${id}\n${text}`.toLowerCase().includes(words)) return true;
    const responses = await this.logs.responses.recordsOf(at);
    return responses.some((response) => response.text.toLowerCase().includes(words));
  }

  /** A prompt with all that was drawn for it; undefined where there is none. */
  async whole(at: number): Promise<PromptWhole | undefined> {
    if (!(at in this.prompts)) return undefined;
    const prompt = await this.compactOf(at);
    return { prompt, facts: this.factsIn(prompt) };
  }

  private async factsOf(at: number): Promise<PromptFacts> {
    const known = this.facts.get(at);
    if (known) return known;
    const facts = this.factsIn(await this.compactOf(at));
    this.facts.set(at, facts);
    return facts;
  }

  private factsIn(prompt: CompactPrompt): PromptFacts {
    return factsOf(prompt, 1 + this.adapters.length, this.rewards.length);
  }

  private async compactOf(at: number): Promise<CompactPrompt> {
    const { responses, greedy, selections, adapters } = this.logs;
    const { task } = await this.taskAtHand();
    const choices = new Map<number, string[]>();
    for (const { reward, chosen } of await selections.recordsOf(at))
      if (this.rewards.includes(reward)) choices.set(chosen, [...(choices.get(chosen) ?? []), reward]);
    const own: Record<string, ReturnType<typeof adapterTexts>> = {};
    for (const [name, logs] of adapters) {
      const [best] = await logs.greedy.recordsOf(at);
      own[name] = adapterTexts(await logs.responses.recordsOf(at), best, task);
    }
    const [best] = await greedy.recordsOf(at);
    const drawn = (await responses.recordsOf(at)).sort((a, b) => a.index - b.index);
    const row = promptRow(
      { prompt: this.prompts[at]!, greedy: best, responses: drawn, choices, adapters: own },
      task,
    );
    return wholePrompt(row, this.labels[at]!, this.adapters, this.rewards);
  }

  /** Lets go of the run's files once nothing is read any more. */
  async leave(): Promise<void> {
    await this.last;
    await this.close();
  }

  private async close(): Promise<void> {
    for (const log of this.all(this.logs)) await log.close();
  }
}
