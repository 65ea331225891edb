/** Runs stages, and tells how long each took. */
export type StageClock = (<T>(stage: string, work: () => Promise<T>) => Promise<T>) & {
  seconds(): Record<string, number>;
};

const untimed = <T>(_stage: string, work: () => Promise<T>): Promise<T> => work();

/** Runs stages, and remembers how long each took where there is a clock. */
export function stageClock(now?: () => number): StageClock {
  if (now === undefined) return Object.assign(untimed, { seconds: () => ({}) });
  const seconds: Record<string, number> = {};
  const start = now();
  const since = (from: number): number => Math.round((now() - from) / 10) / 100;
  const clock = async <T>(stage: string, work: () => Promise<T>): Promise<T> => {
    const from = now();
    try {
      return await work();
    } finally {
      seconds[stage] = since(from);
    }
  };
  return Object.assign(clock, { seconds: () => ({ ...seconds, total: since(start) }) });
}
