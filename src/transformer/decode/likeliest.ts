import {
  add,
  argMax,
  cast,
  concat,
  exp,
  expand,
  gatherElements,
  log,
  reduceMax,
  reduceMean,
  reduceSum,
  reshape,
  scatterElementsAdd,
  sub,
  type Value,
} from "../../graph/index.js";

/** Below every logit: what is taken away from one that has been named. */
const NAMED = -1e30;

/** The likeliest tokens of each row. */
export interface Likeliest {
  /** int32 [n, count], the likeliest first; on ties the lowest id. */
  readonly tokens: Value;
  /** log softmax(logits) of these, [n, count], in nats. */
  readonly logProbs: Value;
  /** KL(uniform ‖ softmax(logits)), [n], in nats. */
  readonly certainty: Value;
}

/**
 * The `count` likeliest tokens of each row, by as many maxima: the graph has no sort, and few are asked for.
 * @param logits [n, V], n ≥ 1. @param count at most V.
 */
export function likeliestTokens(logits: Value, count: number): Likeliest {
  const size = logits.shape[1] as number;
  const top = reduceMax(logits, [-1], { keepDims: true });
  const logTotal = add(log(reduceSum(exp(sub(logits, top)), [-1], { keepDims: true })), top);
  const ids: Value[] = [];
  const away = expand(logits.graph.constant([NAMED], [1, 1]), [logits.shape[0]!, 1]);
  let rest = logits;
  for (let k = 0; k < count; k++) {
    const id = reshape(argMax(rest), [-1, 1]);
    ids.push(id);
    if (k + 1 < count) rest = scatterElementsAdd(rest, id, away, 1);
  }
  const columns = ids.map((id) => ({
    token: cast(id, "int32"),
    logProb: sub(gatherElements(logits, id, 1), logTotal),
  }));
  const certainty = sub(logTotal, add(reduceMean(logits, [-1], { keepDims: true }), Math.log(size)));
  return {
    tokens: concat(
      columns.map(({ token }) => token),
      1,
    ),
    logProbs: concat(
      columns.map(({ logProb }) => logProb),
      1,
    ),
    certainty: reshape(certainty, [-1]),
  };
}
