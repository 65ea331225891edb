import { ModelError } from "../../core/errors.js";
import type { Family } from "./family.js";
import { gemma } from "./gemma.js";
import { gemma3 } from "./gemma3.js";
import { llama } from "./llama.js";
import { mistral } from "./mistral.js";
import { phi3 } from "./phi3.js";
import { qwen2 } from "./qwen2.js";
import { qwen3 } from "./qwen3.js";

/** The supported families; a new one is one file and one line here. */
const families: readonly Family[] = [llama, mistral, qwen2, qwen3, phi3, gemma, gemma3];

/**
 * The family of a `model_type`, or of a model that also sees.
 * @param file what says it, for the message.
 * @throws ModelError listing what is supported, if there is none.
 */
export function familyNamed(type: unknown, file: string): Family {
  const family = families.find(({ modelType, textOf }) => type === modelType || (type && type === textOf));
  if (family !== undefined) return family;
  const names = families.flatMap(({ modelType, textOf }) => (textOf ? [modelType, textOf] : [modelType]));
  const supported = names.map((name) => `"${name}"`).join(", ");
  const shown = type === undefined ? "without model_type" : `with model_type ${JSON.stringify(type)}`;
  throw new ModelError(`${file}: a model ${shown} is not supported; supported is ${supported}`);
}
