import { Agent } from "undici";
import { UsageError } from "../../core/errors.js";
import { REMOTE_PREFIX } from "./base-urls.js";
import { Connection } from "./connection.js";
import { ServerFault } from "./fault.js";

/** A place where a program that serves models listens unless it is told otherwise. */
export interface KnownPlace {
  readonly program: string;
  readonly url: string;
}

const PLACES: readonly KnownPlace[] = [
  { program: "Ollama", url: "http://127.0.0.1:11434/v1" },
  { program: "llama-server", url: "http://127.0.0.1:8080/v1" },
  { program: "vLLM", url: "http://127.0.0.1:8000/v1" },
];
const TIMEOUT_MS = 2000;
/** For a list that only helps. */
const GLANCE_MS = 500;

/**
 * The place on this machine whose server has a model. No key is sent: it is not known who listens.
 * @throws UsageError with the models that were found, where none of them is the one that is asked for.
 */
export async function findServer(
  model: string,
  { places = PLACES }: { readonly places?: readonly KnownPlace[] } = {},
): Promise<KnownPlace> {
  const dispatcher = new Agent();
  try {
    const seen: string[] = [];
    for (const place of places) {
      const models = await modelsAt(new Connection(place.url, undefined, TIMEOUT_MS, dispatcher));
      if (models.includes(model)) return place;
      if (models.length > 0) seen.push(`${place.program} at ${place.url} has ${models.join(", ")}`);
    }
    throw new UsageError(
      `The model ${REMOTE_PREFIX}${model} needs the URL of its server: ` +
        (seen.length > 0
          ? seen.join("; ")
          : `nothing with models listens at ${places.map(({ program, url }) => `${url} (${program})`).join(", ")}`),
      { reason: "no-server", where: model, remedy: "give it in `baseUrls`" },
    );
  } finally {
    await dispatcher.destroy();
  }
}

/** The models of servers on this machine, each as `--model` names it; none where nothing that lists models listens. */
export async function servedModels(places: readonly KnownPlace[] = PLACES): Promise<string[]> {
  const dispatcher = new Agent();
  try {
    const lists = await Promise.all(
      places.map(({ url }) => modelsAt(new Connection(url, undefined, GLANCE_MS, dispatcher))),
    );
    return lists.flat().map((id) => REMOTE_PREFIX + id);
  } finally {
    await dispatcher.destroy();
  }
}

/** None where nothing that lists models listens. */
async function modelsAt(connection: Connection): Promise<string[]> {
  try {
    return ((await connection.models()) ?? []).map(({ id }) => id);
  } catch (error) {
    if (error instanceof ServerFault) return [];
    throw error;
  }
}
