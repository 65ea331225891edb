/**
 * A value as JSON that may stand inside a script element: no `<`, `>` or `&` occurs, so nothing in it can close the
 * element, open a comment or be read as an entity. `JSON.parse` gives the value back.
 */
export function scriptJson(value: unknown): string {
  const json = JSON.stringify(value) ?? "null";
  return json.replace(
    /[<>&\u2028\u2029]/g,
    (character) => "\\u" + character.charCodeAt(0).toString(16).padStart(4, "0"),
  );
}
