import fc from "fast-check";
import { expect, test } from "vitest";
import { duplicateKey } from "./duplicate-key.js";

test("a text that JSON.stringify made has no duplicate key", () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.constantFrom(undefined, 1), (value, indent) => {
      expect(duplicateKey(JSON.stringify(value, null, indent))).toBeUndefined();
    }),
  );
});

test("a key that is put into an object a second time is found, at any depth", () => {
  const key = fc.string();
  fc.assert(
    fc.property(key, fc.jsonValue(), fc.jsonValue(), fc.nat(3), (name, first, second, depth) => {
      const quoted = JSON.stringify(name);
      const inner = `{${quoted}:${JSON.stringify(first)}, ${quoted} : ${JSON.stringify(second)}}`;
      expect(duplicateKey(`${'[0,{"x":'.repeat(depth)}${inner}${"}]".repeat(depth)}`)).toBe(name);
    }),
  );
});

test.each([
  ['{"a":{"a":1},"b":[{"a":1},{"a":2}]}', undefined],
  ['{"a":"a","b":"a"}', undefined],
  ['["a","a"]', undefined],
  ['{"a":1,"\\u0061":2}', "a"],
  ['{"a":["}",{"b":1}],"c":1,"a":2}', "a"],
  ['{"\\"":1,"\\\\":2,"\\"":3}', '"'],
])("%s", (text, expected) => {
  expect(duplicateKey(text)).toBe(expected);
});
