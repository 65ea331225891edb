/** So many texts' answers are remembered, of texts of so many characters at most. */
const REMEMBERED = { texts: 1024, characters: 8192 };

/**
 * The same reader, which reads a text once: a pool is graded, its answers are compared, and nothing that measuring does is to cost more than
 * reading an answer.
 * @param read what a text means; the same for the same text.
 */
export function remembered<T>(read: (text: string) => T): (text: string) => T {
  const known = new Map<string, T>();
  return (text) => {
    const before = known.get(text);
    if (before !== undefined || known.has(text)) return before as T;
    const value = read(text);
    if (text.length <= REMEMBERED.characters) {
      if (known.size >= REMEMBERED.texts) known.clear();
      known.set(text, value);
    }
    return value;
  };
}
