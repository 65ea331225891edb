/** What a program may want to know of an error beside its sentence. */
export interface ErrorFacts {
  /** Why, in stable words for programs: `run-exists`. The command line words the remedy by it, with the flag that helps. */
  readonly reason?: string;
  /** The file, folder, prompt or URL that it is about. */
  readonly where?: string;
  /** What to do, in terms of the library's options, without a full stop; it ends the message. */
  readonly remedy?: string;
  readonly cause?: unknown;
}

/**
 * Errors that a user can meet. The message is one sentence that names what is wrong, where, and what to do; it names options
 * of the library, and no flag of the command line, which prints remedies of its own.
 */
export class WhetstoneError extends Error {
  /** A stable code, for programs: `usage`, `data`, `model`, `run`, `graph`, `device`, `server`, `own-code`, `interrupted`. */
  readonly code: string;
  /** The message without its remedy. */
  readonly problem: string;
  readonly reason: string | undefined;
  readonly where: string | undefined;

  /** @param problem the whole sentence; without its full stop where a remedy follows. */
  constructor(code: string, problem: string, { reason, where, remedy, cause }: ErrorFacts = {}) {
    super(remedy === undefined ? problem : `${problem}; ${remedy}.`, cause === undefined ? {} : { cause });
    this.name = "WhetstoneError";
    this.code = code;
    this.problem = problem;
    this.reason = reason;
    this.where = where;
  }
}

/** Wrong options or arguments: an unknown task, N < 1, a negative temperature. */
export class UsageError extends WhetstoneError {
  constructor(problem: string, facts?: ErrorFacts) {
    super("usage", problem, facts);
    this.name = "UsageError";
  }
}

/** A file of prompts, responses or labels that cannot be read; the message names the file and the line. */
export class DataError extends WhetstoneError {
  constructor(problem: string, facts?: ErrorFacts) {
    super("data", problem, facts);
    this.name = "DataError";
  }
}

/** A model folder, weight file, tokenizer or adapter that is missing, malformed or of an unsupported kind. */
export class ModelError extends WhetstoneError {
  constructor(problem: string, facts?: ErrorFacts) {
    super("model", problem, facts);
    this.name = "ModelError";
  }
}

/** A run folder that is locked, belongs to something else, or cannot be written. */
export class RunError extends WhetstoneError {
  constructor(problem: string, facts?: ErrorFacts) {
    super("run", problem, facts);
    this.name = "RunError";
  }
}

/** A graph that cannot be built or run: shapes that do not fit, an operator without a gradient. */
export class GraphError extends WhetstoneError {
  constructor(problem: string, facts?: ErrorFacts) {
    super("graph", problem, facts);
    this.name = "GraphError";
  }
}

/** A GPU that is not there, was lost, has too little memory, lacks what a model needs, or computes wrong numbers. */
export class DeviceError extends WhetstoneError {
  constructor(problem: string, facts?: ErrorFacts) {
    super("device", problem, facts);
    this.name = "DeviceError";
  }
}

/** A server that cannot be reached or used, gives no usable reply in several tries, or may be asked no more (a budget). */
export class ServerError extends WhetstoneError {
  constructor(problem: string, facts?: ErrorFacts) {
    super("server", problem, facts);
    this.name = "ServerError";
  }
}

/** A module of the user's own that cannot be used, or threw while it was; what was drawn before is kept. */
export class OwnCodeError extends WhetstoneError {
  constructor(problem: string, facts?: ErrorFacts) {
    super("own-code", problem, facts);
    this.name = "OwnCodeError";
  }
}

/** Work that was stopped from outside (Ctrl-C); everything acknowledged so far is on disk. */
export class InterruptedError extends WhetstoneError {
  constructor(problem: string, facts?: ErrorFacts) {
    super("interrupted", problem, facts);
    this.name = "InterruptedError";
  }
}
