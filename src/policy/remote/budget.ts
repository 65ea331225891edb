import { ServerError } from "../../core/errors.js";
import type { Tally } from "./usage.js";

/** What may be asked of servers at most, by one command. */
export interface BudgetLimits {
  /** Requests, retries and those of the probe included. */
  readonly maxRequests?: number | undefined;
  /** Prompt and response tokens together, as the servers count them. */
  readonly maxTokensTotal?: number | undefined;
}

/** The budget is used up: what is under way may still come to its end. */
export class BudgetError extends ServerError {}

/** Holds requests to a budget. A request's response counts with its longest length until it is there, a prompt once it is. */
export class Budget {
  readonly #limits: BudgetLimits;
  readonly #tally: Tally;
  #reserved = 0;

  constructor(limits: BudgetLimits, tally: Tally) {
    this.#limits = limits;
    this.#tally = tally;
  }

  /**
   * Counts a request to a server that may draw up to a number of tokens. @returns gives back what it did not draw; call it once.
   * @throws BudgetError instead of exceeding the budget.
   */
  spend(url: string, maxTokens: number): () => void {
    const { maxRequests, maxTokensTotal } = this.#limits;
    if (maxRequests !== undefined && this.#tally.requests >= maxRequests) {
      throw new BudgetError(`The budget of ${maxRequests} requests is used up`, {
        reason: "requests-used-up",
        remedy: "raise `maxRequests` to go on",
      });
    }
    if (maxTokensTotal !== undefined && this.#tally.tokens + this.#reserved + maxTokens > maxTokensTotal) {
      throw new BudgetError(
        `The budget of ${maxTokensTotal} tokens does not hold another response of up to ${maxTokens} ` +
          `(${this.#tally.tokens} are used)`,
        { reason: "tokens-used-up", remedy: "raise `maxTokensTotal` to go on" },
      );
    }
    this.#tally.request(url);
    this.#reserved += maxTokens;
    return () => {
      this.#reserved -= maxTokens;
    };
  }
}
