import { setTimeout as sleep } from "node:timers/promises";
import { request, type Dispatcher } from "undici";
import { z } from "zod";
import { ServerError } from "../../core/errors.js";
import { sha256 } from "../../core/files.js";
import { refusalText, type ApiKey } from "../remote/api-key.js";
import { filesOf, shellWord, waits, type Executor, type JobStatus } from "./executor.js";
import { zipOf } from "./zip.js";

const info = z.looseObject({ status: z.string(), message: z.string().nullish() });
const STATES: Readonly<Record<string, JobStatus["state"]>> = {
  PENDING: "queued",
  RUNNING: "running",
  SUCCEEDED: "ended",
  FAILED: "failed",
  STOPPED: "cancelled",
};

/** What a dashboard says, with status 500, until an agent of its cluster takes jobs: for some seconds after Ray has started. */
const NOT_YET = "No available agent";
const PATIENCE = 30_000;

/** Where Ray's jobs are submitted. */
export interface RayOptions {
  /** Of the dashboard, such as `http://head:8265`. */
  readonly url: string;
  /** Sent as a bearer token, where the cluster asks for one. */
  readonly key?: ApiKey | undefined;
  readonly dispatcher: Dispatcher;
  /** Milliseconds that are waited in all for a cluster that does not take jobs yet. Default 30,000. */
  readonly patience?: number;
}

/** What a dashboard replied. */
interface Reply {
  readonly status: number;
  readonly text: string;
}

/** One dashboard, asked over HTTP. */
class Dashboard {
  constructor(private readonly options: RayOptions) {}

  /** @throws ServerError where it cannot be reached. */
  async ask(method: Dispatcher.HttpMethod, path: string, body?: object | Uint8Array): Promise<Reply> {
    const { url, key, dispatcher } = this.options;
    const binary = body instanceof Uint8Array;
    try {
      // Not `fetch`, whose headers are a browser's: Ray refuses those.
      const reply = await request(`${url}${path}`, {
        method,
        dispatcher,
        headers: {
          ...(body && { "content-type": binary ? "application/octet-stream" : "application/json" }),
          ...(key && { authorization: `Bearer ${key.reveal()}` }),
        },
        ...(body && { body: binary ? body : JSON.stringify(body) }),
      });
      return { status: reply.statusCode, text: await reply.body.text() };
    } catch {
      throw new ServerError(`Ray's dashboard at ${url} cannot be reached.`, { where: url });
    }
  }

  /** As `ask`, again and again while the cluster does not take jobs yet. */
  async askInTime(method: Dispatcher.HttpMethod, path: string, body: object): Promise<Reply> {
    let left = this.options.patience ?? PATIENCE;
    const pauses = waits({ first: 100, most: 2000 });
    for (;;) {
      const wait = pauses.next().value;
      const reply = await this.ask(method, path, body);
      const isEarly = reply.status >= 500 && reply.text.includes(NOT_YET);
      if (!isEarly || left < wait) return reply;
      await sleep(wait);
      left -= wait;
    }
  }

  /** The text of a reply. @throws ServerError for one that refuses. */
  checked({ status, text }: Reply): string {
    const { url, key } = this.options;
    if (status >= 200 && status < 300) return text;
    const said = text.trim().split("\n").at(-1)!.slice(0, 300);
    const why = refusalText(status, key?.redact(said) ?? said, key);
    throw new ServerError(`Ray at ${url} refused a request: ${why}`, { where: url });
  }

  async status(id: string): Promise<JobStatus> {
    const reply = await this.ask("GET", `/api/jobs/${id}`);
    if (reply.status === 404) return { state: "unknown" };
    const parsed = info.safeParse(JSON.parse(this.checked(reply)));
    const state = parsed.success ? STATES[parsed.data.status] : undefined;
    if (!parsed.success || state === undefined)
      throw new ServerError(`Ray at ${this.options.url} tells no state of the job ${id}.`);
    return parsed.data.message ? { state, message: parsed.data.message } : { state };
  }
}

/** Runs jobs on a Ray cluster, through its dashboard's REST interface (Ray 2.x). A job's id is the submission's, so that it runs once. */
export function rayExecutor(options: RayOptions): Executor {
  const ray = new Dashboard(options);
  return {
    name: `Ray at ${options.url}`,
    look: { first: 500, most: 5000 },
    submit: async (job) => {
      const archive = zipOf(filesOf(job));
      const name = `_ray_pkg_${sha256(archive).slice(0, 16)}.zip`;
      ray.checked(await ray.ask("PUT", `/api/packages/gcs/${name}`, archive));
      // Without the slash at the end there is no such route.
      const reply = await ray.askInTime("POST", "/api/jobs/", {
        submission_id: job.id,
        // The files of a zip are readable by everybody once Ray has unpacked them.
        entrypoint: `chmod -f 600 token; ${job.command.map(shellWord).join(" ")}`,
        runtime_env: { working_dir: `gcs://${name}` },
        ...(job.gpus > 0 && { entrypoint_num_gpus: job.gpus }),
      });
      // A submission that is there already is answered by an error of the server.
      if (reply.status >= 400 && (await ray.status(job.id)).state === "unknown") ray.checked(reply);
    },
    status: (id) => ray.status(id),
    logs: async (id, from) => {
      const reply = await ray.ask("GET", `/api/jobs/${id}/logs`);
      if (reply.status === 404) return "";
      const parsed = z.looseObject({ logs: z.string() }).safeParse(JSON.parse(ray.checked(reply)));
      return (parsed.data?.logs ?? "").slice(from);
    },
    cancel: async (id) => {
      const reply = await ray.ask("POST", `/api/jobs/${id}/stop`, {});
      if (reply.status === 404 || reply.status < 400) return;
      // One that has ended already is refused.
      const { state } = await ray.status(id);
      if (state === "queued" || state === "running") ray.checked(reply);
    },
  };
}
