/**
 * Errors that a user can meet. The message is one sentence that names what is wrong, where, and what to do;
 * the command line prints it as it stands and exits with a non-zero code.
 */
export class WhetstoneError extends Error {
  /** A stable code, for programs: `usage`, `data`, `model`, `run`, `graph`, `server`, `own-code`, `interrupted`. */
  readonly code: string;

  constructor(code: string, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = "WhetstoneError";
    this.code = code;
  }
}

/** Wrong options or arguments: an unknown task, N < 1, a negative temperature. */
export class UsageError extends WhetstoneError {
  constructor(message: string, options?: { readonly cause?: unknown }) {
    super("usage", message, options);
    this.name = "UsageError";
  }
}

/** A file of prompts, responses or labels that cannot be read; the message names the file and the line. */
export class DataError extends WhetstoneError {
  constructor(message: string, options?: { readonly cause?: unknown }) {
    super("data", message, options);
    this.name = "DataError";
  }
}

/** A model folder, weight file, tokenizer or adapter that is missing, malformed or of an unsupported kind. */
export class ModelError extends WhetstoneError {
  constructor(message: string, options?: { readonly cause?: unknown }) {
    super("model", message, options);
    this.name = "ModelError";
  }
}

/** A run folder that is locked, belongs to something else, or cannot be written. */
export class RunError extends WhetstoneError {
  constructor(message: string, options?: { readonly cause?: unknown }) {
    super("run", message, options);
    this.name = "RunError";
  }
}

/** A graph that cannot be built or run: shapes that do not fit, an operator without a gradient. */
export class GraphError extends WhetstoneError {
  constructor(message: string, options?: { readonly cause?: unknown }) {
    super("graph", message, options);
    this.name = "GraphError";
  }
}

/** A server that cannot be reached or used, gives no usable reply in several tries, or may be asked no more (a budget). */
export class ServerError extends WhetstoneError {
  constructor(message: string, options?: { readonly cause?: unknown }) {
    super("server", message, options);
    this.name = "ServerError";
  }
}

/** A module of the user's own that cannot be used, or threw while it was; what was drawn before is kept. */
export class OwnCodeError extends WhetstoneError {
  constructor(message: string, options?: { readonly cause?: unknown }) {
    super("own-code", message, options);
    this.name = "OwnCodeError";
  }
}

/** Work that was stopped from outside (Ctrl-C); everything acknowledged so far is on disk. */
export class InterruptedError extends WhetstoneError {
  constructor(message: string, options?: { readonly cause?: unknown }) {
    super("interrupted", message, options);
    this.name = "InterruptedError";
  }
}
