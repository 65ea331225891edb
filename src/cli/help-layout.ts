/** How help is laid out: as wide as the terminal, and wrapped where the flags leave little room, too. */
export function helpLayout(columns: number | undefined): {
  readonly helpWidth: number;
  readonly minWidthToWrap: number;
} {
  return { helpWidth: columns || 100, minWidthToWrap: 20 };
}
