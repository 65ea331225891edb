import { text } from "./values.js";

/** The options that say where the parts of a run lie that is there already. */
export const RUN_OPTIONS = {
  movedModel: {
    flags: "-m, --model <name|folder|file>",
    description: "where the run's model lies now, if it has moved",
    parse: text,
    otherwise: "where the run found it",
  },
  movedTask: {
    flags: "--task <name|file|module.js>",
    description: "where the run's prompts lie now, if they have moved",
    parse: text,
    otherwise: "where the run found them",
  },
  adapterModel: {
    flags: "-m, --model <name|folder|file>",
    description: "the model that the adapter was trained on",
    parse: text,
    otherwise: "the run's; an adapter folder of its own needs it",
  },
} as const;

/** Names under which commander hands these over. */
export interface RenamedInRuns {
  readonly movedModel: "model";
  readonly movedTask: "task";
  readonly adapterModel: "model";
}
