import { open, stat, type FileHandle } from "node:fs/promises";
import type { ReadKind } from "../run/record-lines.js";

/** Bytes read at once: many, since each read waits for its turn, which is what takes long where the machine is busy. */
const CHUNK = 8 << 20;
const LINE_BREAK = 0x0a;
/** How every record of a log by prompts begins. */
const HEAD = Buffer.from('{"promptId":"');
const QUOTE = 0x22;
const NONE = { head: Buffer.alloc(0), prompt: undefined };

/**
 * An append-only log whose records belong to prompts, followed while somebody else writes it: only bytes that are new are read, and
 * of each line only whose it is and where it lies is kept, so that a log of any size costs some bytes a record.
 */
export class PromptLog<T> {
  /** Records so far of prompts that are looked at. */
  size = 0;
  private file: FileHandle | undefined;
  private inode = -1;
  private position = 0;
  /** By prompt: where each of its lines begins, and how long it is, one after the other. */
  private readonly places = new Map<number, number[]>();
  /** How the last line began, up to the quote behind its prompt's id (empty where that is not plain), and whose it was. */
  private last: { readonly head: Buffer; readonly prompt: number | undefined } = NONE;

  /** @param promptOf the position of the prompt with an id; undefined for one that is not looked at. */
  constructor(
    readonly path: string,
    private readonly reading: ReadKind<T>,
    private readonly promptOf: (id: string) => number | undefined,
  ) {}

  /**
   * Reads what was added. A last line without its line break is being written, and is left for the next time.
   * @param told is told the prompt of each new record.
   * @returns whether the file is another than before (it was rewritten in order): whatever was known of it is void, and read anew.
   */
  async follow(told: (prompt: number) => void): Promise<boolean> {
    const found = await stat(this.path).catch(() => undefined);
    const another = this.file !== undefined && (found?.ino !== this.inode || found.size < this.position);
    if (another) await this.close();
    if (found === undefined) return another;
    if (this.file === undefined) {
      this.file = await open(this.path, "r").catch(() => undefined);
      if (this.file === undefined) return another;
      this.inode = (await this.file.stat()).ino;
    }
    const { size } = await this.file.stat();
    if (size > this.position) await this.read(this.file, size, told);
    return another;
  }

  private async read(file: FileHandle, size: number, told: (prompt: number) => void): Promise<void> {
    let buffer = Buffer.allocUnsafe(Math.min(CHUNK, size - this.position));
    /** Bytes of a line whose end has not been read, at the beginning of the buffer. */
    let begun = 0;
    for (let from = this.position; from < size;) {
      if (begun === buffer.length) buffer = Buffer.concat([buffer], 2 * begun);
      const { bytesRead } = await file.read(
        buffer,
        begun,
        Math.min(buffer.length - begun, size - from),
        from,
      );
      if (bytesRead === 0) return;
      from += bytesRead;
      const bytes = buffer.subarray(0, begun + bytesRead);
      let start = 0;
      for (let end = bytes.indexOf(LINE_BREAK); end >= 0; end = bytes.indexOf(LINE_BREAK, start)) {
        this.take(bytes.subarray(start, end), told);
        start = end + 1;
      }
      buffer.copyWithin(0, start, bytes.length);
      begun = bytes.length - start;
    }
  }

  private take(line: Buffer, told: (prompt: number) => void): void {
    const prompt = this.promptIn(line);
    if (prompt !== undefined) {
      const places = this.places.get(prompt);
      if (places) places.push(this.position, line.length);
      else this.places.set(prompt, [this.position, line.length]);
      this.size++;
      told(prompt);
    }
    this.position += line.length + 1;
  }

  /** A prompt's lines follow each other for the most part: the head of the line before tells whose this one is. */
  private promptIn(line: Buffer): number | undefined {
    const { head } = this.last;
    const isKnown = head.length > 0 && line.length >= head.length;
    if (isKnown && line.compare(head, 0, head.length, 0, head.length) === 0) return this.last.prompt;
    const { value, end } = promptIdOf(line);
    const prompt = value === undefined ? undefined : this.promptOf(value);
    this.last = { head: Buffer.from(line.subarray(0, end)), prompt };
    return prompt;
  }

  /** A prompt's records, in the order of the file; what does not fit the schema is left out. */
  async recordsOf(prompt: number): Promise<T[]> {
    const places = this.places.get(prompt);
    if (places === undefined || this.file === undefined) return [];
    const records: T[] = [];
    for (const { start, length } of stretches(places)) {
      const bytes = Buffer.allocUnsafe(length);
      await this.file.read(bytes, 0, length, start);
      for (let from = 0; from < length;) {
        const at = bytes.indexOf(LINE_BREAK, from);
        const end = at < 0 ? length : at;
        const record = this.recordIn(bytes.subarray(from, end));
        if (record !== undefined) records.push(record);
        from = end + 1;
      }
    }
    return records;
  }

  private recordIn(line: Buffer): T | undefined {
    const { quick, schema } = this.reading;
    return quick?.(line) ?? schema.safeParse(jsonOf(line.toString("utf8"))).data;
  }

  /** Lets go of the file, and of all that is known of it. */
  async close(): Promise<void> {
    await this.file?.close();
    this.file = undefined;
    this.position = this.size = 0;
    this.places.clear();
    this.last = NONE;
  }
}

/** The prompt's id in a line, and, where it is plain so that the rest was not parsed, the place behind its quote. */
function promptIdOf(line: Buffer): { readonly value: string | undefined; readonly end: number } {
  if (line.subarray(0, HEAD.length).equals(HEAD)) {
    const end = line.indexOf(QUOTE, HEAD.length);
    const value = line.toString("utf8", HEAD.length, end);
    if (end > 0 && !value.includes("\\")) return { value, end: end + 1 };
  }
  const value = jsonOf(line.toString("utf8"));
  const id = typeof value === "object" && value !== null && "promptId" in value ? value.promptId : undefined;
  return { value: typeof id === "string" ? id : undefined, end: 0 };
}

function jsonOf(line: string): unknown {
  try {
    return JSON.parse(line) as unknown;
  } catch {
    return undefined;
  }
}

/** Lines that follow each other, read at once. */
function stretches(places: readonly number[]): { start: number; length: number }[] {
  const found: { start: number; length: number }[] = [];
  for (let at = 0; at < places.length; at += 2) {
    const [start, length] = [places[at]!, places[at + 1]!];
    const last = found.at(-1);
    if (last && last.start + last.length + 1 === start) last.length += 1 + length;
    else found.push({ start, length });
  }
  return found;
}
