import type { VNode } from "preact";
import { Table } from "../page/table.js";
import { quantizationInWords } from "./quantization.js";
import type { ReportManifest } from "./report-input.js";

const PROMPT_FORMS = {
  chat: "as conversations, in the model's chat template",
  raw: "as plain text (raw), although the model takes conversations",
} as const;

/** The command that reproduces the run, and everything that fixes its result. */
export function Configuration({ manifest }: { readonly manifest: ReportManifest }): VNode {
  const facts: readonly (readonly [string, string])[] = [
    ["Model", manifest.model],
    ["Model digest", manifest.modelDigest],
    ...(manifest.quantization ? [["Quantized", quantizationInWords(manifest.quantization)] as const] : []),
    ...(manifest.power !== undefined ? [["Drawn from", manifest.power] as const] : []),
    ["Task", manifest.task],
    ...(manifest.promptForm ? [["Prompts", PROMPT_FORMS[manifest.promptForm]] as const] : []),
    ["Task digest", manifest.taskDigest],
    ["Seed", String(manifest.seed)],
    ["Begun", manifest.createdAt],
    ["whetstone", manifest.whetstoneVersion],
  ];
  return (
    <>
      <p>This command, with this version, model and task, gives the same responses and the same figures.</p>
      <pre class="command" tabIndex={0} aria-label="Command">
        <code>{manifest.command}</code>
      </pre>
      <dl class="facts-list">
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <details class="figures">
        <summary>All options</summary>
        {keyValues("options-table", "Options, the defaults included.", "Option", manifest.options)}
      </details>
      <details class="figures">
        <summary>Versions</summary>
        {keyValues("versions-table", "What computed it.", "Component", manifest.versions)}
      </details>
    </>
  );
}

function keyValues(
  id: string,
  caption: string,
  head: string,
  values: Readonly<Record<string, unknown>>,
): VNode {
  const rows = Object.entries(values).map(([name, value]) => ({
    head: name,
    cells: [<code key="value">{typeof value === "string" ? value : (JSON.stringify(value) ?? "–")}</code>],
  }));
  return <Table {...{ id, caption, columns: [head, "Value"], rows }} />;
}

const SOURCES: readonly (readonly [string, string])[] = [
  ["Self-reward; sharpening towards its maximizer", "§1.1, eq. 1"],
  ["Log-likelihood: log π(y | x) of the whole sequence, at temperature 1", "eq. 2"],
  ["Length-normalized and majority rewards; coverage as a skyline", "App. A.2"],
  ["Self-certainty: mean over tokens of KL(uniform ‖ p)", "arXiv 2502.18581"],
  ["Best-of-N, and how large N must be", "§2.1, Prop. C.1"],
  ["Adaptive best-of-N and its stopping rule", "App. D, eq. 10"],
  ["SFT-sharpening", "§2.1, Thm 4.1"],
  ["RLHF-sharpening: the KL-regularized target; its offline form (DPO)", "§2.2, eqs. 3, 4 and 8"],
  ["RLHF-sharpening with exploration (XPO)", "Alg. 1, Thm 4.3"],
  ["Cost m = n·N: prompts times responses drawn", "Def. 3.2"],
  [
    "Accuracy lift over greedy; histograms; log-probability against N; lift through training",
    "Figs. 1, 3, 4, 6–8",
  ],
];

/** The paper, and where in it each quantity of the page is defined. */
export function Citation(): VNode {
  return (
    <>
      <Paper />
      <details class="figures">
        <summary>Where each quantity of this page is defined</summary>
        <Table
          id="sources"
          caption="Where each quantity of this page is defined."
          columns={["Quantity", "Source"]}
          rows={SOURCES.map(([head, source]) => ({ head, cells: [source] }))}
        />
      </details>
    </>
  );
}

/** The paper's reference. */
export function Paper(): VNode {
  return (
    <p>
      A. Huang, A. Block, D. J. Foster, D. Rohatgi, C. Zhang, M. Simchowitz, J. T. Ash, A. Krishnamurthy:{" "}
      <cite>Self-Improvement in Language Models: The Sharpening Mechanism</cite>. ICLR 2025.{" "}
      <a href="https://arxiv.org/abs/2412.01951" rel="noreferrer">
        arXiv 2412.01951
      </a>
    </p>
  );
}
