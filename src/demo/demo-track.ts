import type { RaceFrame } from "../page/race/frames.js";
import type { Track } from "../page/race/race-app.js";
import type { Policy } from "../policy/policy.js";
import { rewards } from "../reward/built-in.js";
import { chosenFrame, RaceTeller } from "../serve/race-frames.js";
import { answerRoom } from "../sharpen/answer-room.js";
import { bestOfNEvents } from "../sharpen/best-of-n.js";
import { exactAnswer } from "../task/answers/exact.js";

/** The self-rewards that a page can give: those that ask the model nothing beyond what it has drawn. */
export const demoRewards = Object.values(rewards).filter(({ needs }) => !needs.includes("policy"));

/** Races on a model in the page itself, as `serve` tells them. @param freshSeed for a race that has no seed. */
export function demoTrack(policy: Promise<Policy>, freshSeed: () => number): Track {
  return async function* (request, signal): AsyncGenerator<readonly RaceFrame[]> {
    const opened = await policy;
    const { best_of: bestOf, temperature, seed = freshSeed(), early_stop: early } = request;
    const reward = demoRewards.find(({ name }) => name === request.reward)!;
    const prompt = { id: "prompt", text: request.prompt };
    const maxTokens = request.max_tokens ?? (await answerRoom(opened, prompt));
    const question = { prompt, bestOf, reward, keepAll: !early, extract: exactAnswer };
    const start = { reward: reward.name, best_of: bestOf, temperature, seed, max_tokens: maxTokens };
    yield [{ kind: "start", ...start }];
    const teller = new RaceTeller(question, maxTokens);
    const options = { n: bestOf, reward, temperature, seed, maxTokens, extract: exactAnswer };
    for await (const event of bestOfNEvents(opened, [prompt], {
      ...options,
      ...{ keepAll: question.keepAll, progress: true, signal },
    })) {
      const frames = teller.frames(event);
      if (frames.length > 0) yield frames;
      if (event.kind !== "chosen") continue;
      const finished = event.finished.map((response, i) => ({ response, score: event.scores[i]! }));
      const best = finished.filter(({ response }) => response === event.chosen);
      const answered = { question, best, finished, drawn: event.tokens };
      yield [{ kind: "chosen", ...(await chosenFrame(answered, opened, demoRewards)) }];
    }
  };
}
