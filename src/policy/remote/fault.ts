/**
 * Every way in which a server can fail us, by the name under which it is counted. None of them may end as a response.
 */
export type FaultName =
  | "unreachable"
  | "timeout"
  | "busy"
  | "server error"
  | "refused"
  | "certificate"
  | "redirect"
  | "not JSON"
  | "error in a 200"
  | "error in a stream"
  | "cut reply"
  | "wrong model"
  | "no choice"
  | "no text"
  | "no finish reason"
  | "other finish reason"
  | "no log-probabilities"
  | "impossible log-probability"
  | "counts differ"
  | "too long"
  | "key in the reply";

/** What a fault means for what comes next. */
export interface FaultOptions {
  /** Whether the same request may succeed when it is sent again. Default true. */
  readonly retry?: boolean;
  /** Whether the server as a whole should be left alone for a while. Default false. */
  readonly rest?: boolean;
  /** How long the server asked to be left alone, in milliseconds. */
  readonly retryAfterMs?: number | undefined;
  /** The status that the server refused with. */
  readonly status?: number | undefined;
}

/**
 * One failed request. It never reaches a user: the pool retries it, and turns the last one into a ServerError. The message
 * says what happened in a few words; it and everything else here is free of the key, and there is no `cause`, because
 * what the client library throws may hold headers.
 */
export class ServerFault extends Error {
  readonly fault: FaultName;
  readonly retry: boolean;
  readonly rest: boolean;
  readonly retryAfterMs: number | undefined;
  readonly status: number | undefined;

  constructor(fault: FaultName, message: string, options: FaultOptions = {}) {
    super(message);
    this.name = "ServerFault";
    this.fault = fault;
    this.retry = options.retry ?? true;
    this.rest = options.rest ?? false;
    this.retryAfterMs = options.retryAfterMs;
    this.status = options.status;
  }
}
