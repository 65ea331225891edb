/**
 * Added to a score that may not be seen: its weight underflows to exactly 0. It stands alone, because browsers draw with it, where no graph
 * is built.
 */
export const HIDDEN = -1e9;
