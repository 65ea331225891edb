/** A file of somebody's own code: what it does is fixed by its bytes, wherever it lies. */
export interface ModuleFile {
  /** Absolute; it may have moved since. */
  readonly path: string;
  /** SHA-256 (hex) of the file, not of what it imports. */
  readonly digest: string;
}

const origins = new WeakMap<object, ModuleFile>();

/** The file that a value was loaded from by `loadModule`; undefined for everything else. */
export function moduleOf(value: object): ModuleFile | undefined {
  return origins.get(value);
}

/** The same value, known to be from a file. */
export function withModule<T extends object>(value: T, module: ModuleFile): T {
  origins.set(value, module);
  return value;
}
