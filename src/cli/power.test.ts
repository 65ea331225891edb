import { describe, expect, it } from "vitest";
import { powerNote, powerSettings, recordedPower, samplerOf } from "./power.js";

describe("powerSettings", () => {
  it("are none for independent samples, and the published ones otherwise", () => {
    expect(powerSettings({})).toBeUndefined();
    expect(powerSettings({ method: "base", temperature: 0.5 })).toBeUndefined();
    expect(powerSettings({ method: "power" })).toMatchObject({ alpha: 4, moves: 10, blocks: 4 });
    expect(powerSettings({ method: "smc", alpha: 2, particles: 8 })).toMatchObject({
      alpha: 2,
      particles: 8,
    });
  });

  it("refuse α < 1, a temperature, and what another method has", () => {
    expect(() => powerSettings({ method: "power", alpha: 0.5 })).toThrow(/α must be at least 1.*not 0\.5/);
    expect(() => powerSettings({ method: "smc", temperature: 0.7 })).toThrow(
      /--temperature.*proposes at temperature 1\/α/,
    );
    expect(powerSettings({ method: "power", temperature: 1 })?.method).toBe("power");
    expect(() => powerSettings({ alpha: 4 })).toThrow(/--alpha.*--method power or smc/);
    expect(() => powerSettings({ method: "smc", moves: 3 })).toThrow(/--moves.*--method power/);
    expect(() => powerSettings({ method: "power", particles: 3 })).toThrow(/--particles.*--method smc/);
  });

  it("are recorded as far as they matter, and told in a sentence", () => {
    const power = powerSettings({ method: "power" })!;
    const smc = powerSettings({ method: "smc" })!;
    expect(recordedPower(power)).toEqual({ method: "power", powerAlpha: 4, moves: 10, blocks: 4 });
    expect(recordedPower(smc)).toEqual({ method: "smc", powerAlpha: 4, particles: 32 });
    expect([power, smc].map(samplerOf)).toEqual([
      { method: "power", alpha: 4, moves: 10, blocks: 4, proposals: "1/α" },
      { method: "smc", alpha: 4, particles: 32, proposals: "1/α" },
    ]);
    expect(powerNote(power, 31, { acceptance: 0.254, blockAcceptance: [0.3, 0.2], tokens: 9 })).toBe(
      "π^4 by Metropolis–Hastings: 25 % of proposals accepted (30 % up to 16 tokens, 20 % up to 31).",
    );
    expect(powerNote(smc, 31, { leastEffectiveShare: 0.5, resamplings: 1.25, tokens: 9 })).toMatch(
      /32 particles a response: least effective sample size 50 % of them, 1\.3 resamplings/,
    );
  });
});
