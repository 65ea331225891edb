import type { Prompt } from "../policy/policy.js";

/** `train` prompts may be learned from; `validation` chooses the iterate; `test` is only ever measured. */
export type Split = "train" | "validation" | "test";

/**
 * Prompts, a template of the task (already applied), an answer extractor and, only where labels exist, a grader.
 */
export interface Task {
  /** `game24`, or the file's name. */
  readonly name: string;
  /** SHA-256 (hex) of everything that fixes the prompts, the template, the extractor and the grader. */
  readonly digest: string;
  /** The longest response worth drawing, in tokens; an option overrides it. */
  readonly maxTokens: number;
  /** How often a guess among the answers that the prompts allow is right, in (0, 1); absent where any answer is possible. */
  readonly chance?: number;
  /** Training prompts are those that are measured, under other ids (`transductive`). Absent: none of them is. */
  readonly learnsFromTest?: true;
  /** How answers are compared, of a user's file: the grader's name. */
  readonly grader?: string;
  /** What was taken from a user's file and chosen for it, in sentences for people. */
  readonly notes?: readonly string[];
  /** Where a prompt stands, for messages, such as `Line 3 of prompts.jsonl`; absent, or undefined, where there is no such place. */
  where?(promptId: string): string | undefined;
  /**
   * The prompts of a split in their fixed order; empty where the task has no such split. A user's file has its prompts
   * in `test`, and in `train` and `validation` only where it says so (field `split`).
   */
  prompts(split: Split): readonly Prompt[];
  /** The answer in a response's text, canonical so that equal answers are equal strings; undefined if there is none. */
  extract(text: string): string | undefined;
  /** Whether a response is correct. Undefined where the prompt has no label. Never executes or evals model text. */
  grade(promptId: string, text: string): boolean | undefined;
}
