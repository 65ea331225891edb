import { MessageChannel, receiveMessageOnPort, Worker, type MessagePort } from "node:worker_threads";
import { ModelError } from "../../core/errors.js";
import type { Encoder } from "./tokenizer-library.mjs";
import type { Answer, Request } from "./tokenizer-worker.mjs";

/** How long a text may take. */
const SECONDS = 2;
/** A vocabulary of some hundred thousand tokens takes a second or two. */
const SECONDS_TO_OPEN = 30;
const MEMORY_MB = 2048;

interface Opened {
  readonly worker: Worker;
  readonly port: MessagePort;
  /** Becomes 1 with each answer. */
  readonly answered: Int32Array;
}

/** A worker ends with the last use of its tokenizer, which has no other end. */
const abandoned = new FinalizationRegistry<Worker>((worker) => void worker.terminate());

/**
 * The library's tokenizer in a thread of its own, for patterns that are not known: V8 matches a pattern without a time limit, and
 * some take longer than a life for thirty letters. A call sleeps for the answer, two seconds at most; then the
 * thread is ended, and the next call starts another. It does not keep the program alive.
 */
export class GuardedEncoder implements Encoder {
  private opened: Opened | undefined;

  /** @throws ModelError when the library cannot use the files, or takes too long to. */
  constructor(
    private readonly json: object,
    private readonly config: object,
    private readonly file: string,
    private readonly seconds = SECONDS,
  ) {
    this.opened = this.open();
  }

  encode(text: string, addSpecialTokens: boolean): readonly (number | undefined)[] {
    return this.call("encode", [text, addSpecialTokens]) as (number | undefined)[];
  }

  decode(tokens: readonly number[]): string {
    return this.call("decode", [tokens]) as string;
  }

  tokenId(text: string): number | undefined {
    return this.call("tokenId", [text]) as number | undefined;
  }

  private open(): Opened {
    const { port1: port, port2 } = new MessageChannel();
    const answered = new Int32Array(new SharedArrayBuffer(4));
    const { json, config } = this;
    const worker = new Worker(new URL("./tokenizer-worker.mjs", import.meta.url), {
      workerData: { port: port2, answered, json, config },
      transferList: [port2],
      env: {},
      resourceLimits: { maxOldGenerationSizeMb: MEMORY_MB },
    });
    // Its end is noticed by the answer that does not come.
    worker.on("error", () => undefined).unref();
    abandoned.register(this, worker);
    const opened = { worker, port, answered };
    const answer = this.wait(opened, SECONDS_TO_OPEN);
    if ("error" in answer) {
      void worker.terminate();
      throw new ModelError(`${this.file} cannot be used as a tokenizer: ${answer.error}`);
    }
    return opened;
  }

  private call(method: Request["method"], args: readonly unknown[]): unknown {
    const opened = (this.opened ??= this.open());
    Atomics.store(opened.answered, 0, 0);
    opened.port.postMessage({ method, args } satisfies Request);
    const answer = this.wait(opened, this.seconds);
    if ("value" in answer) return answer.value;
    throw new ModelError(`${this.file} cannot be used as a tokenizer: ${answer.error}`);
  }

  /** The next answer, for which this thread sleeps. */
  private wait({ worker, port, answered }: Opened, seconds: number): Answer {
    Atomics.wait(answered, 0, 0, seconds * 1000);
    const received = receiveMessageOnPort(port) as { readonly message: Answer } | undefined;
    if (received !== undefined) return received.message;
    this.opened = undefined;
    port.close();
    void worker.terminate();
    throw new ModelError(
      `${this.file} cannot be used as a tokenizer: it takes longer than ${seconds} seconds for one text; its patterns backtrack, use another model`,
    );
  }
}
