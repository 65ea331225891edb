import { readFileSync } from "node:fs";
import { join } from "node:path";
import { CommanderError } from "commander";
import { describe, expect, it } from "vitest";
import { InterruptedError, ModelError, UsageError } from "../core/errors.js";
import { sft } from "../sharpen/methods/sft.js";
import { xpo } from "../sharpen/methods/xpo.js";
import { checkFit, PAPER_SFT } from "../sharpen/fit-adapter.js";
import { isCode, isTest, projectFiles } from "../../scripts/lib/files.mjs";
import { ROOT } from "../../test/support/fixture.js";
import { REMEDIES } from "./remedies.js";
import { resumeLine, shellLine } from "./command-line.js";
import { failureOf } from "./errors.js";
import { commonOptions, trainingOptions, trainingSettings, writtenOut } from "./settings.js";
import { someOf, wholeNumber } from "./values.js";

describe("failures", () => {
  it("have a status by their kind", () => {
    const statuses = [
      new CommanderError(0, "commander.helpDisplayed", "help"),
      new ModelError("broken"),
      new UsageError("wrong"),
      new CommanderError(1, "commander.unknownOption", "unknown"),
      new TypeError("fault"),
      new InterruptedError("Stopped."),
    ].map((error) => failureOf(error, false).exitCode);
    expect(statuses).toEqual([0, 1, 2, 2, 70, 130]);
  });

  it("are one line whatever the message holds, and a fault asks to be reported", () => {
    expect(failureOf(new ModelError("bad\n  name \u001b[31mred"), false).sentence).toBe("bad name [31mred.");
    expect(failureOf(new TypeError("x is not a function"), false).sentence).toMatch(
      /^Unexpected error \(x is not a function\); .*please report it with what --verbose prints\.$/,
    );
    expect(failureOf(new TypeError("x"), true).sentence).toMatch(/TypeError: x\n +at /);
  });
});

describe("remedies", () => {
  it("name the flag on the command line, and the library's option everywhere else", () => {
    const error = new UsageError('The prompt "p" is too long', {
      reason: "prompt-too-long",
      where: "p",
      remedy: "shorten it or lower `maxTokens`",
    });
    expect(error).toMatchObject({
      code: "usage",
      reason: "prompt-too-long",
      where: "p",
      message: 'The prompt "p" is too long; shorten it or lower `maxTokens`.',
    });
    expect(failureOf(error, false).sentence).toBe(
      'The prompt "p" is too long; shorten it or lower --max-tokens.',
    );
    expect(failureOf(new ModelError("It is broken.", { reason: "unheard-of" }), false).sentence).toBe(
      "It is broken.",
    );
  });

  it("are worded for every reason that the library gives, and for no other", () => {
    const files = projectFiles(ROOT, "src").filter((path) => isCode(path) && !isTest(path));
    const given = files
      .flatMap((path) => [...readFileSync(join(ROOT, path), "utf8").matchAll(/\breason: "([a-z-]+)"/g)])
      .map(([, reason]) => reason);
    expect([...new Set(given)].sort()).toEqual(Object.keys(REMEDIES).sort());
  });
});

describe("command lines", () => {
  it("are taken apart by a shell into the same words", () => {
    expect(shellLine(["answer", "4 9 = 24 :", "it's", "--n", "5"])).toBe(
      "npx whetstone answer '4 9 = 24 :' 'it'\\''s' --n 5",
    );
  });

  it("to resume are those given, with the folder", () => {
    const given = ["sharpen", "--run=old", "--n", "5", "--resume", "--run", "other"];
    expect(resumeLine(given, "runs/a b")).toBe("npx whetstone sharpen --n 5 --run 'runs/a b' --resume");
  });

  it("write every setting out, and leave out what is null", () => {
    expect(
      writtenOut(["sharpen", "game24"], {
        n: 5,
        prompts: null,
        reward: ["a", "b"],
        amortize: false,
        training: { sft: { rank: 4 } },
        maxTokens: 18,
      }),
    ).toBe("npx whetstone sharpen game24 --n 5 --reward a,b --no-amortize --max-tokens 18");
  });
});

describe("training settings", () => {
  const preset = { model: "m", task: "t", source: "x", training: { sft: { epochs: 4, rank: 8, alpha: 20 } } };

  it("are those given, else the preset's, else the paper's", () => {
    const { fit, trainN, trainPrompts } = trainingSettings(sft, { epochs: 2 }, { n: 50, seed: 7, preset });
    expect(fit).toMatchObject({ epochs: 2, rank: 8, alpha: 20, seed: 7, clipNorm: PAPER_SFT.clipNorm });
    expect([trainN, trainPrompts]).toEqual([50, undefined]);
  });

  it("make α twice a rank that is given without one", () => {
    expect(trainingSettings(sft, { rank: 4 }, { n: 1, seed: 0, preset }).fit.alpha).toBe(8);
  });

  it("written out and read again are the same", () => {
    const settings = trainingSettings(sft, { weightDecay: 0.1 }, { n: 5, seed: 0, preset });
    expect(writtenOut([], trainingOptions(settings))).toContain(
      "--train-n 5 --curve-samples 4 --epochs 4 --batch-size 4 --learning-rate 0.0003 --schedule linear --clip-norm 0.1 --weight-decay 0.1 --rank 8 --alpha 20 --patience 3 --keep best --target-modules q_proj,",
    );
  });
});

describe("training settings of every weight", () => {
  const preset = {
    model: "m",
    task: "t",
    source: "x",
    training: { sft: { epochs: 4, learningRate: 3e-4, rank: 8, targetModules: ["q_proj"] } },
  };
  const source = { n: 5, seed: 0, preset };

  it("have nothing of an adapter's, nor its rate, and go on so", () => {
    const { fit } = trainingSettings(sft, { full: true }, source);
    expect(fit).toMatchObject({ full: true, epochs: 4, learningRate: 3e-5 });
    for (const name of ["rank", "alpha", "targetModules"]) expect(fit).not.toHaveProperty(name);
    const recorded = {
      trainN: 5,
      trainPrompts: null,
      curveSamples: 4,
      reward: "x",
      own: {},
      command: "",
      fit,
    };
    const again = trainingSettings(sft, {}, { ...source, recorded });
    expect(again.fit).toEqual(fit);
    expect(trainingSettings(sft, { full: true, learningRate: 1e-4 }, source).fit.learningRate).toBe(1e-4);
  });

  it("pass on what was given of an adapter, which is refused by its name", () => {
    const { fit } = trainingSettings(sft, { full: true, rank: 4 }, source);
    expect(() => checkFit(fit)).toThrow(
      "Full fine-tuning trains every weight, so there is no rank to set; leave it out.",
    );
  });

  it("are written out with --full, and without what an adapter has", () => {
    const line = writtenOut([], trainingOptions(trainingSettings(sft, { full: true }, source)));
    expect(line).toContain(" --weight-decay 0 --full ");
    expect(line).not.toMatch(/--rank|--alpha|--target-modules/);
  });
});

describe("settings of several methods", () => {
  it("are written out where one line can give them to all", () => {
    const given = { epochs: 2, rounds: 7 };
    const [ofSft, ofXpo] = [sft, xpo].map((method) =>
      trainingOptions(trainingSettings(method, given, { n: 50, seed: 0, preset: undefined })),
    );
    expect([ofSft!["trainN"], ofXpo!["trainN"], ofXpo!["beta"]]).toEqual([50, 2, null]);
    const common = commonOptions([ofSft!, ofXpo!]);
    expect(common).toMatchObject({ epochs: 2, rounds: 7, rank: 16, beta: null });
    expect(common).not.toHaveProperty("trainN");
  });
});

describe("values", () => {
  it("of a list may be repeated and separated by commas", () => {
    const parse = someOf(["a", "b", "c"], "letter");
    expect(parse("c,a", "--x", parse("b, c", "--x", undefined))).toEqual(["b", "c", "a"]);
    expect(() => parse(",", "--x", undefined)).toThrow("--x needs at least one letter; it is empty.");
  });

  it.each(["", " ", "1e3x", "-1", "1.5", "Infinity", "9007199254740993"])("refuse %j as a count", (text) => {
    expect(() => wholeNumber(1)(text, "--n", undefined)).toThrow(UsageError);
  });
});
