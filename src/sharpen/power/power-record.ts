import { z } from "zod";
import type { RecordKind } from "../../run/record-lines.js";

/** A line of power.jsonl: how the responses of a prompt came about. */
export interface PowerRecord {
  readonly promptId: string;
  /** `power`: accepted proposals as a share of all, over all moves and by block. */
  readonly acceptance?: number;
  readonly blockAcceptance?: readonly number[];
  /** `smc`: the least effective sample size after any block, as a share of the particles, mean over the swarms. */
  readonly leastEffectiveShare?: number;
  /** `smc`: resamplings of a swarm, mean. */
  readonly resamplings?: number;
  /** Tokens drawn, those of rejected proposals and of all particles included. */
  readonly tokens: number;
}

const share = z.number().min(0).max(1);

/** Lines of power.jsonl, one a prompt. */
export const powerRecords: RecordKind<PowerRecord> = {
  schema: z.object({
    promptId: z.string().min(1),
    acceptance: share.exactOptional(),
    blockAcceptance: z.array(share).exactOptional(),
    leastEffectiveShare: share.exactOptional(),
    resamplings: z.number().min(0).exactOptional(),
    tokens: z.int().min(0),
  }),
  key: ({ promptId }) => promptId,
  normalise: (record) => record,
};
