import { expect, it } from "vitest";
import { UsageError } from "../../core/errors.js";
import { findServer } from "./find-server.js";
import { serve } from "./remote.test-helper.js";

it("finds the program on this machine that has the model, without showing anybody a key", async () => {
  const [one, two] = [await serve(), await serve({ models: ["other", "phi"] })];
  const gone = await serve();
  await gone.stop();
  const places = [gone, one, two].map(({ url }, at) => ({ program: `program ${at}`, url }));
  expect(await findServer("phi", { places })).toEqual(places[2]);
  expect(await findServer("tiny", { places })).toEqual(places[1]);
  expect([...one.authorizations, ...two.authorizations]).toEqual([undefined, undefined]);
  const missing = findServer("huge", { places });
  await expect(missing).rejects.toThrow(UsageError);
  await expect(missing).rejects.toThrow(
    /^The model openai:huge needs the URL of its server: program 1 at http:\S+ has tiny; program 2 at http:\S+ has other, phi; give it in `baseUrls`\.$/,
  );
  await expect(findServer("huge", { places: places.slice(0, 1) })).rejects.toThrow(
    /: nothing with models listens at http:\S+ \(program 0\); give it in `baseUrls`\.$/,
  );
});
